"""The canonical forms of the ledger, in SQL: fields in fixed order, each with its length in bytes before it."""


def field(value: str) -> str:
    """Write the expression for a field whose value is a bytea expression."""
    return f"int4send(octet_length({value})) || {value}"


def text_field(value: str) -> str:
    """Write the expression for a field whose value is a text expression."""
    return field(f"convert_to({value}, 'UTF8')")


def number_field(value: str) -> str:
    """Write the expression for a whole number: eight bytes, the highest first."""
    return rf"'\x00000008'::bytea || int8send({value})"


def instant_field(value: str) -> str:
    """Write the expression for an instant: microseconds since 1970-01-01 UTC, as a number."""
    return number_field(f"(extract(epoch FROM {value}) * 1000000)::bigint")


def day_field(value: str) -> str:
    """Write the expression for a day as ISO 8601 has it."""
    return rf"'\x0000000a'::bytea || convert_to(to_char({value}, 'YYYY-MM-DD'), 'UTF8')"
