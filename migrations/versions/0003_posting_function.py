"""Posting an entry in a function of the database.

Revision ID: 0003
Revises: 0002
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE OR REPLACE FUNCTION ledger_post(
            the_id uuid, the_book text, the_key text, the_hash bytea, counts_on date, happened_on date, the_poster text,
            the_source text, the_original uuid, the_memo text, codes text[], accounts uuid[], ids uuid[], debits uuid[],
            credits uuid[], amounts bigint[], kinds text[]
        ) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
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
                PERFORM pg_advisory_xact_lock(1818584167, 16);
                INSERT INTO ledger_account (id, book, code)
                SELECT used.id, the_book, used.code FROM unnest(accounts, codes) used (id, code)
                ON CONFLICT DO NOTHING;
            END IF;
            FOR step IN 0..15 LOOP
                its_shard := (pg_backend_pid() + step) % 16;
                EXIT WHEN pg_try_advisory_xact_lock(1818584167, its_shard);
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
        $$
    """)


def downgrade() -> None:
    op.execute(
        "DROP FUNCTION ledger_post(uuid, text, text, bytea, date, date, text, text, uuid, text, text[], uuid[], uuid[], "
        "uuid[], uuid[], bigint[], text[])"
    )
