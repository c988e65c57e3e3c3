"""The processing log (Logboek Dataverwerkingen 1.0.0), for the doors: what was done with whose data, as OpenTelemetry spans."""
