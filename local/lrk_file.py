"""The register of the sample region, as the LRK open data writes it."""

import csv
import io
from collections.abc import Mapping
from datetime import date

from local.region import Location, Region, SampleOrganisation

_LRK_COLUMNS = (
    "lrk_id",
    "type_oko",
    "opc",
    "actuele_naam_oko",
    "aantal_kindplaatsen",
    "ve",
    "status",
    "inschrijfdatum",
    "opvanglocatie_adres",
    "opvanglocatie_postcode",
    "opvanglocatie_woonplaats",
    "bag_id",
    "naam_houder",
    "kvk_nummer_houder",
    "vestigingsnummer_houder",
    "rechtsvorm_houder",
    "start_geschillencommissie",
    "einde_geschillencommissie",
    "houder_adres",
    "houder_postcode",
    "houder_woonplaats",
    "houder_buitenland",
    "correspondentie_adres",
    "correspondentie_postcode",
    "correspondentie_woonplaats",
    "correspondentie_buitenland",
    "contact_persoon",
    "contact_telefoon",
    "contact_emailadres",
    "contact_website",
    "cbs_code",
    "verantwoordelijke_gemeente",
    "gastouderbureau_1",
    "gastouderbureau_2",
    "lrk_url",
)


def register_file(region: Region) -> bytes:
    """Write the register with the columns of the LRK open data."""
    rows = [_agency_row(one) for one in region.organisations if one.agency]
    rows += [_location_row(one, location) for one in region.organisations for location in one.locations]
    out = io.StringIO()
    writer = csv.DictWriter(out, _LRK_COLUMNS, delimiter=";", lineterminator="\r\n", restval="")
    writer.writeheader()
    writer.writerows(rows)
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def _location_row(organisation: SampleOrganisation, location: Location) -> Mapping[str, str]:
    is_childminder = location.agency is not None
    return {
        "lrk_id": location.lrk_number,
        "type_oko": location.care_type,
        "opc": "Nee",
        "actuele_naam_oko": f"{organisation.name}, locatie {location.lrk_number[-4:]}",
        "status": "Ingeschreven",
        "inschrijfdatum": _dutch(date(2012, 3, 1)),
        "naam_houder": f"Gastouder {location.lrk_number[-4:]}" if is_childminder else organisation.name,
        "kvk_nummer_houder": "" if is_childminder else organisation.kvk_number,
        "gastouderbureau_1": location.agency or "",
    }


def _agency_row(organisation: SampleOrganisation) -> Mapping[str, str]:
    return {
        "lrk_id": organisation.agency or "",
        "type_oko": "GOB",
        "actuele_naam_oko": organisation.name,
        "status": "Ingeschreven",
        "inschrijfdatum": _dutch(date(2011, 1, 1)),
        "naam_houder": organisation.name,
        "kvk_nummer_houder": organisation.kvk_number,
    }


def _dutch(day: date) -> str:
    return f"{day.day:02d}-{day.month:02d}-{day.year:04d}"
