"""What the registry answers from the reference data that we ship."""

from collections import Counter
from datetime import date

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from shop.errors import NotFound
from shop.registry import queries
from shop.registry.models import Campaign, ChannelKind, RegionLevel, Side

DINGXI, LINXIA, LONGNAN = "621102", "622901", "621202"
FUZHOU, XIAMEN, QINGDAO, JINAN, TIANJIN, SHANDONG = "350100", "350200", "370200", "370100", "120000", "370000"


def paired(session: Session, partner: str, county: str, day: str) -> bool:
    return queries.is_paired(session, partner_code=partner, county_code=county, on=date.fromisoformat(day))


class TestIsPaired:
    @pytest.mark.parametrize(
        ("partner", "county", "day", "expected"),
        [
            (FUZHOU, DINGXI, "2020-12-31", True),
            (FUZHOU, DINGXI, "2021-12-31", True),
            (FUZHOU, DINGXI, "2022-01-01", False),
            (FUZHOU, DINGXI, "1990-01-01", True),
            (QINGDAO, DINGXI, "2021-03-31", False),
            (QINGDAO, DINGXI, "2021-04-01", True),
            (QINGDAO, LONGNAN, "2016-01-01", True),
            (QINGDAO, LONGNAN, "2015-12-31", False),
            (XIAMEN, LINXIA, "2009-12-31", False),
            (XIAMEN, LINXIA, "2021-06-01", True),
            (JINAN, LINXIA, "2021-06-01", True),
            (JINAN, DINGXI, "2021-06-01", False),
        ],
    )
    def test_answers_for_the_day_across_the_hand_over_of_2021(
        self, session: Session, partner: str, county: str, day: str, *, expected: bool
    ) -> None:
        assert paired(session, partner, county, day) is expected

    def test_a_prefecture_covers_its_counties_of_the_contiguous_poor_areas_only(self, session: Session) -> None:
        assert paired(session, TIANJIN, "620121", "2021-06-01")
        assert not paired(session, TIANJIN, "620102", "2021-06-01")

    def test_a_province_covers_no_county_by_itself(self, session: Session) -> None:
        assert not paired(session, TIANJIN, "620902", "2021-06-01")
        assert not paired(session, TIANJIN, DINGXI, "2021-06-01")

    def test_gives_the_published_numbers_of_counties(self, session: Session) -> None:
        numbers = Counter(
            partner
            for county in queries.counties(session)
            for partner in (TIANJIN, QINGDAO, JINAN)
            if paired(session, partner, county.code, "2021-09-30")
        )

        assert numbers == {TIANJIN: 34, QINGDAO: 16, JINAN: 8}

    def test_a_district_counts_for_its_parent_and_for_itself(self, session: Session) -> None:
        # Before Qingdao's own pairing with the prefecture, which began in April.
        assert paired(session, "370211", "621126", "2021-02-01")
        assert not paired(session, "370211", "621126", "2020-06-01")
        assert paired(session, QINGDAO, "621126", "2021-02-01")
        assert not paired(session, QINGDAO, DINGXI, "2021-02-01")

    def test_central_units_are_paired_with_single_counties(self, session: Session) -> None:
        assert paired(session, "C-nea", "620521", "2021-06-01")
        assert not paired(session, "C-nea", "620523", "2021-06-01")
        assert paired(session, "C-sdic", "621026", "2020-12-31")
        assert not paired(session, "C-sdic", "621026", "2021-01-01")

    def test_a_gap_in_what_was_found_is_no_pairing(self, session: Session) -> None:
        everybody = [partner.code for partner in queries.partners(session) if partner.side is Side.CENTRAL]

        assert not any(paired(session, code, "622925", "2021-06-01") for code in everybody)


class TestRegions:
    def test_counties_are_gansus_with_jiayuguan_for_itself(self, session: Session) -> None:
        counties = queries.counties(session)

        assert len(counties) == 87
        prefectures = {county.code: county.prefecture for county in counties}
        assert prefectures["620503"].name == "天水市"
        assert prefectures["620200"].code == "620200"
        assert prefectures.keys().isdisjoint({"620500", "620000", "120103"})

    def test_what_is_unknown_is_not_no(self, session: Session) -> None:
        flags = Counter(county.is_formerly_poor for county in queries.counties(session))

        assert flags == {True: 70, None: 17}
        assert {county.level for county in queries.counties(session)} == {RegionLevel.COUNTY, RegionLevel.PREFECTURE}


class TestPartners:
    def test_only_credited_ones_own_sales(self, session: Session) -> None:
        credited = {partner.code for partner in queries.partners(session)}

        assert {TIANJIN, QINGDAO, JINAN, FUZHOU, XIAMEN, "C-nea"} <= credited
        assert not credited & {SHANDONG, "370211", "370100-hightech"}

    def test_eastern_ones_come_first(self, session: Session) -> None:
        sides = [partner.side for partner in queries.partners(session)]

        assert sides == sorted(sides, reverse=True)


class TestChannels:
    def test_the_five_of_gansus_list_hold_from_2020(self, session: Session) -> None:
        entries = [
            channel.code
            for channel in queries.channels(session, on=date(2021, 1, 1))
            if channel.kind is ChannelKind.FIVE_ENTRIES
        ]

        assert entries == ["agency", "enterprise", "school", "hospital", "army"]
        issuers = {channel.code: channel.issuer for channel in queries.channels(session, on=date(2020, 1, 1))}
        assert issuers["school"] == "甘肃省 2020"
        assert "school" not in {channel.code for channel in queries.channels(session, on=date(2019, 12, 31))}

    def test_all_thirteen_hold_today(self, session: Session) -> None:
        assert len(queries.channels(session, on=date(2026, 1, 1))) == 13


class TestRulesAndFigures:
    def test_the_rule_of_a_day_has_a_version(self, session: Session) -> None:
        assert queries.counting_rule(session, on=date(2021, 9, 30)).version == "2021.1"
        with pytest.raises(NotFound):
            queries.counting_rule(session, on=date(2015, 12, 31))

    def test_the_briefing_declares_43_figures_without_a_phrase(self, session: Session) -> None:
        figures = {figure.code: figure for figure in queries.declared_figures(session)}

        assert len(figures) == 43
        assert (figures["F032"].side, figures["F032"].value, figures["F032"].tolerance) == (
            "eastern",
            2_351_000_000_00,
            500_000_00,
        )
        assert (figures["F033"].side, figures["F033"].value) == ("central", 255_000_000_00)
        assert (figures["F030"].measure, figures["F021"].measure) == ("subset", "signed")
        assert figures["F042"].value is None

    def test_a_campaign_runs_for_its_time(self, session: Session) -> None:
        session.add(
            Campaign(code="tj", name="津甘", partner_code=TIANJIN, since=date(2021, 1, 1), until=date(2022, 1, 1))
        )
        session.flush()

        running = queries.campaign(session, "tj", on=date(2021, 12, 31))

        assert running is not None
        assert queries.campaign(session, "tj", on=date(2022, 1, 1)) is None
        session.rollback()


class TestNames:
    def test_gives_every_dimension_its_words(self, session: Session) -> None:
        names = queries.names(session)

        assert names.of("partner", "C-nea") == {"code": "C-nea", "name": "国家能源局", "side": "central"}
        assert names.of("partner", "none") == {"code": "none", "name": "社会购买", "side": "none"}
        assert names.of("county", "620200")["name"] == "嘉峪关市"
        assert names.of("county", "unknown")["name"] == "产地未知"
        assert names.of("prefecture", "620500")["name"] == "天水市"
        assert names.of("channel", "platform")["name"] == "本平台"
        assert names.of("category", "produce")["name"] == "果蔬"
        assert names.of("mode", "assisted")["name"] == "帮助销售"
        assert names.of("pairing", "outside")["name"] == "结对关系外"
        with pytest.raises(NotFound):
            names.of("county", "620000")

    def test_speaks_the_readers_language(self, app: Flask, session: Session) -> None:
        with app.test_request_context():
            from flask import session as cookie  # noqa: PLC0415  # only inside a request

            cookie["language"] = "en"
            assert queries.names(session).of("partner", TIANJIN)["name"] == "Tianjin Municipality"
