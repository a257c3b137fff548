"""In every language: as ISO 8601 has it, so that no day is taken for a month, typed or read."""

DATE_FORMAT = SHORT_DATE_FORMAT = "Y-m-d"
TIME_FORMAT = "H:i:s"
DATETIME_FORMAT = SHORT_DATETIME_FORMAT = "Y-m-d H:i:s"
DATE_INPUT_FORMATS = ["%Y-%m-%d"]
TIME_INPUT_FORMATS = ["%H:%M:%S", "%H:%M", "%H:%M:%S.%f"]
DATETIME_INPUT_FORMATS = [f"%Y-%m-%d {time}" for time in TIME_INPUT_FORMATS]
FIRST_DAY_OF_WEEK = 1
# As in documents, and in what the API takes.
DECIMAL_SEPARATOR = "."
THOUSAND_SEPARATOR = ""
