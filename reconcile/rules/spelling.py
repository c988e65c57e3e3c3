"""Hours, money, months and days as people write them in a language."""

from datetime import date

from reconcile.rules.documents import HoursText, MoneyText
from reconcile.rules.months import Month
from reconcile.rules.text_book import Templates


class Spelling:
    """Writes published quantities by the formats of a book."""

    def __init__(self, templates: Templates) -> None:
        self._say = templates.say
        self._month_names = templates.months

    def months(self, from_month: Month, until_month: Month) -> str:
        """Write one month, or a range; the year once when it is the same: "maart 2026", "maart tot en met mei 2026"."""
        until = self._say("formats.month", name=self._name(until_month), year=until_month[:4])
        if from_month == until_month:
            return until
        same_year = from_month[:4] == until_month[:4]
        name = self._name(from_month)
        begin = name if same_year else self._say("formats.month", name=name, year=from_month[:4])
        return self._say("formats.range", **{"from": begin, "until": until})

    def day(self, day: date) -> str:
        """Write a day: "1 maart 2026"."""
        return self._say("formats.day", number=str(day.day), name=self._month_names[day.month - 1], year=str(day.year))

    def hours(self, text: HoursText) -> str:
        """Write hours without zeros that say nothing: "120.50" → "120,5 uur"."""
        whole, decimals = text.split(".")
        decimals = decimals.rstrip("0")
        number = whole + self._say("formats.decimal") + decimals if decimals else whole
        return self._say("formats.one_hour" if number == "1" else "formats.hours", number=number)

    def rate(self, text: MoneyText) -> str:
        """Write an hourly rate with its cents: "12.35" → "€ 12,35"."""
        whole, cents = text.split(".")
        return self._say("formats.euro", number=self._grouped(int(whole)) + self._say("formats.decimal") + cents)

    def euros(self, euros: int) -> str:
        """Write whole euros: 1134 → "€ 1.134"."""
        return self._say("formats.euro", number=self._grouped(euros))

    def _name(self, month: Month) -> str:
        return self._month_names[int(month[5:]) - 1]

    def _grouped(self, number: int) -> str:
        return f"{number:,}".replace(",", self._say("formats.thousands"))
