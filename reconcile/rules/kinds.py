"""The kinds of difference that the judgement tells apart (domain notes, section 8).

| kind | Dutch name | what the parent sees | what one tap changes |
| --- | --- | --- | --- |
| D01 | meer uren | two or more months at one higher level | standing hours from the first month of that level |
| D02 | minder uren | two or more months at one lower level | the same |
| D03 | uren van één maand | one or two single months that differ | those months alone, after which the standing hours return |
| D05 | gemiddelde uren | three or more varying months with another average | a new average from the first reported month |
| D06 | uurtarief | another hourly rate | the rate from the first month it deviates |
| D07 | uurtarief boven maximum | another rate, both at or above the maximum: no effect | the same |
| D09 | uren en uurtarief | both | both at once |
| D12 | andere locatie | care of this child at a location that is not declared | nothing: route |
| D13 | ander kind | care of a child without any declared care | nothing: route |
| D14 | opvang gestopt | an end date, or no hours for two months or more | hours 0 after the last month with care |
| D15 | niet in de levering | the organisation delivered everything, and this child is not in it | nothing: a question |

D00 (within tolerance) and D04 (varying, same average) are no difference and have no row. A year with a final award (D28), and the end
of a household's last care, keep their kind and take no tap: `route` says why. No kind means suspicion.
"""

from typing import Literal

Kind = Literal["D01", "D02", "D03", "D05", "D06", "D07", "D09", "D12", "D13", "D14", "D15"]
Route = Literal["year-closed", "last-care-ended", "add-care", "add-child", "ask-organisation"]

DUTCH_NAMES: dict[Kind, str] = {
    "D01": "meer uren",
    "D02": "minder uren",
    "D03": "uren van één maand",
    "D05": "gemiddelde uren",
    "D06": "uurtarief",
    "D07": "uurtarief boven maximum",
    "D09": "uren en uurtarief",
    "D12": "andere locatie",
    "D13": "ander kind",
    "D14": "opvang gestopt",
    "D15": "niet in de levering",
}
