"""The ledger's functions in the database. They act for whoever calls them, on the tables of the caller's schema.

`verify` compares what the database holds with what stands here.
"""

from dataclasses import dataclass

from sqlalchemy import DDL, event

from ledger.tables import SHARDS, metadata

# The class of the advisory locks on shards and on new accounts: "ledg" in ASCII.
LOCK_CLASS = 0x6C656467


@dataclass(frozen=True, slots=True)
class Function:
    """A function: its name with its parameters' types, how PostgreSQL abbreviates its volatility, and what it does."""

    signature: str
    volatility: str
    body: str
    create: str


def _function(name: str, parameters: str, *, returns: str, language: str, volatility: str, body: str) -> Function:
    types = ", ".join(parameter.split()[1] for parameter in parameters.split(","))
    create = f"CREATE OR REPLACE FUNCTION {name}({parameters}) RETURNS {returns} LANGUAGE {language} {volatility}"
    return Function(f"{name}({types})", volatility[0].lower(), body, f"{create} AS $$\n{body}$$")


_MONTH_LOCK = _function(
    "ledger_month_lock",
    "the_book text, the_month date",
    returns="bigint",
    language="sql",
    volatility="STABLE",
    body="""\
SELECT hashtextextended(
    concat_ws(' ', 'ledger_period', current_schema(), the_book, the_month - date '2000-01-01'), 0
)
""",
)

# Whether a month takes postings; and if so, that nobody closes it before the caller's transaction ends. The question is
# asked after the lock is held, with a look at what is committed by then: that is what VOLATILE gives, and what the
# statement that calls this, whose own look is older, could not find out by itself. A transaction whose look never
# changes gets no.
_OPEN_MONTH = _function(
    "ledger_month_is_open",
    "the_book text, the_month date",
    returns="boolean",
    language="plpgsql",
    volatility="VOLATILE",
    body="""\
DECLARE
    is_held boolean := pg_advisory_xact_lock_shared(ledger_month_lock(the_book, the_month)) IS NOT NULL;
BEGIN
    RETURN is_held AND current_setting('transaction_isolation') = 'read committed' AND NOT EXISTS (
        SELECT FROM ledger_period WHERE book = the_book AND month = the_month HAVING max(number) % 2 = 1
    );
END
""",
)

# Posts one entry, unless its key exists or its month is closed; true when it did. Each of its statements is a plan that
# the connection keeps, which costs a third less than the same work in one statement. Legs come in the order of their
# cells of the flow. A transaction counts in a shard that no other holds, its backend's own if it can, so writers of one
# hot row neither queue nor deadlock; who makes new accounts waits for others who do.
_POST = _function(
    "ledger_post",
    "the_id uuid, the_book text, the_key text, the_hash bytea, counts_on date, happened_on date, the_poster text, "
    "the_source text, the_original uuid, the_memo text, codes text[], accounts uuid[], ids uuid[], debits uuid[], "
    "credits uuid[], amounts bigint[], kinds text[]",
    returns="boolean",
    language="plpgsql",
    volatility="VOLATILE",
    body=f"""\
DECLARE
    today date := now() AT TIME ZONE 'Asia/Shanghai';
    its_shard integer;
BEGIN
    IF NOT ledger_month_is_open(the_book, date_trunc('month', counts_on)::date) THEN
        RETURN false;
    END IF;
    INSERT INTO ledger_entry
        (id, book, key, payload_hash, effective_on, occurred_on, posted_by, source, reverses, memo)
    VALUES
        (the_id, the_book, the_key, the_hash, counts_on, happened_on, the_poster, the_source, the_original, the_memo)
    ON CONFLICT (key) DO NOTHING;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO ledger_unsealed (first_fact, last_fact, count) VALUES (the_id, the_id, 1);
    IF (SELECT count(*) FROM ledger_account WHERE id = ANY (accounts)) < array_length(accounts, 1) THEN
        PERFORM pg_advisory_xact_lock({LOCK_CLASS}, {SHARDS});
        INSERT INTO ledger_account (id, book, code)
        SELECT used.id, the_book, used.code FROM unnest(accounts, codes) used (id, code)
        ON CONFLICT DO NOTHING;
    END IF;
    FOR step IN 0..{SHARDS - 1} LOOP
        its_shard := (pg_backend_pid() + step) % {SHARDS};
        EXIT WHEN pg_try_advisory_xact_lock({LOCK_CLASS}, its_shard);
    END LOOP;
    FOR leg IN 1..array_length(ids, 1) LOOP
        INSERT INTO ledger_transfer
            (id, entry_id, debit_account, credit_account, amount_fen, effective_on, kind, source)
        VALUES (ids[leg], the_id, debits[leg], credits[leg], amounts[leg], counts_on, kinds[leg], the_source);
        INSERT INTO ledger_flow AS held
            (debit_account, credit_account, day, kind, known_on, shard, count, amount_fen)
        VALUES (debits[leg], credits[leg], counts_on, kinds[leg], today, its_shard, 1, amounts[leg])
        ON CONFLICT (debit_account, credit_account, day, kind, known_on, shard) DO UPDATE
        SET count = held.count + excluded.count, amount_fen = held.amount_fen + excluded.amount_fen;
    END LOOP;
    RETURN true;
END
""",  # noqa: S608 -- numbers of our own
)

FUNCTIONS = (_MONTH_LOCK, _OPEN_MONTH, _POST)

for function in FUNCTIONS:
    event.listen(metadata, "after_create", DDL(function.create.replace("%", "%%")))  # type: ignore[no-untyped-call]  # untyped in SQLAlchemy
