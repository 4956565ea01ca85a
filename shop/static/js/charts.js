// Draws the table of a totals page. Without this file, or where drawing fails, the table says the same.

const style = getComputedStyle(document.documentElement);
const token = (name) => style.getPropertyValue(name).trim();
const INK = token("--gw-ink");
const SOFT = token("--gw-ink-soft");
const LINE = token("--gw-line");
const COLOURS = [token("--gw-green"), token("--gw-apricot"), token("--gw-blue"), token("--gw-loess"), token("--gw-cinnabar")];
const BEFORE = "#b9b0a4";
const SHADES = ["#eef4ee", "#bcd8cb", "#74ad92", "#2f7d5b", "#0f4a33"];
const BELOW = "#dfa595";
const PAPER_WIDTH = 660;
const ROW_HEIGHT = 34;

/** Amounts are integers of fen; these write them in yuan, in full or short as an axis needs them. */
function moneyOf(locale) {
  const full = new Intl.NumberFormat(locale, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  const short = new Intl.NumberFormat(locale, { notation: "compact", maximumFractionDigits: 1 });
  return { full: (fen) => `¥${full.format(fen / 100)}`, short: (fen) => short.format(fen / 100) };
}

/** How wide a text is drawn in the chart's type. */
const canvas = document.createElement("canvas").getContext("2d");
function widthOf(text) {
  canvas.font = `12px ${getComputedStyle(document.body).fontFamily}`;
  return Math.ceil(canvas.measureText(text).width);
}

/** Names at a chart's side: as wide as the widest of them, on a narrow screen broken into lines, never cut off. */
function namesWidth(names, most) {
  return Math.min(most, Math.max(...names.map(widthOf)) + 4);
}

/** A tooltip's text as elements: the page's content security policy refuses style attributes in HTML. */
function tip(title, rows) {
  const box = document.createElement("div");
  box.className = "gw-chart-tip";
  box.append(Object.assign(document.createElement("strong"), { textContent: title }));
  for (const [name, value] of rows) {
    const row = document.createElement("div");
    row.append(
      Object.assign(document.createElement("span"), { textContent: name }),
      Object.assign(document.createElement("span"), { textContent: value }),
    );
    box.append(row);
  }
  return box;
}

const common = () => ({
  color: COLOURS,
  textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, color: INK },
  animation: false,
});

function barsOption(chart, { money, words, isNarrow }) {
  const names = chart.items.map((item) => item.name);
  const series = chart.series.map(({ name, values }) => ({ name, type: "bar", stack: "now", data: values, barMaxWidth: 28 }));
  if (chart.before) {
    const mark = chart.upright ? { type: "line", symbolSize: 7 } : { type: "bar", barMaxWidth: 10, barGap: "10%" };
    series.push({ ...mark, name: words.before, data: chart.before, color: BEFORE });
  }
  const most = Math.max(1, ...names.map((_, number) => chart.series.reduce((sum, { values }) => sum + Math.max(0, values[number]), 0)));
  const side = chart.upright ? widthOf(money.short(-most * 1.1)) : namesWidth(names, isNarrow ? 104 : 240);
  const items = {
    type: "category",
    data: names,
    inverse: !chart.upright,
    axisTick: { show: false },
    axisLine: { lineStyle: { color: LINE } },
    axisLabel: chart.upright
      ? { color: INK, hideOverlap: true }
      : { color: INK, interval: 0, width: side, overflow: "break", lineHeight: 14 },
  };
  const amounts = {
    type: "value",
    name: words.unit,
    nameLocation: "end",
    nameGap: chart.upright ? 12 : 6,
    nameTextStyle: { color: SOFT, align: chart.upright ? "right" : "left" },
    axisLabel: { color: SOFT, formatter: money.short, hideOverlap: true },
    splitLine: { lineStyle: { color: LINE } },
    splitNumber: isNarrow ? 3 : 5,
  };
  return {
    ...common(),
    legend: { top: 0, left: 0, itemWidth: 14, itemHeight: 10, textStyle: { color: INK } },
    grid: { top: chart.upright ? 56 : 40, left: side + 12, right: chart.upright ? 24 : 44, bottom: 28, containLabel: false },
    tooltip: {
      trigger: "axis",
      axisPointer: { type: "shadow" },
      confine: true,
      formatter: (points) => {
        const now = points.filter((point) => point.seriesName !== words.before);
        const rows = points.map((point) => [point.seriesName, money.full(point.value)]);
        if (now.length > 1) rows.push([words.total, money.full(now.reduce((sum, point) => sum + point.value, 0))]);
        return tip(points[0].name, rows);
      },
    },
    [chart.upright ? "xAxis" : "yAxis"]: items,
    [chart.upright ? "yAxis" : "xAxis"]: amounts,
    series,
  };
}

const FLOW_COLOURS = { eastern: COLOURS[0], central: COLOURS[1], none: COLOURS[2] };

function flowOption(chart, { money, isNarrow }) {
  const widths = [0, 1].map((depth) => {
    const labels = chart.nodes.filter((node) => node.depth === depth).map((node) => node.name);
    return namesWidth(labels, isNarrow ? 100 : 220);
  });
  const names = new Map(chart.nodes.map((node) => [node.id, node.name]));
  return {
    ...common(),
    tooltip: {
      confine: true,
      formatter: ({ dataType, data, value }) =>
        dataType === "edge"
          ? tip(`${names.get(data.source)} → ${names.get(data.target)}`, [["", money.full(data.value)]])
          : tip(names.get(data.name), [["", money.full(value)]]),
    },
    series: [
      {
        type: "sankey",
        top: 8,
        bottom: 8,
        left: widths[0] + 10,
        right: widths[1] + 10,
        nodeGap: 16,
        nodeWidth: 14,
        draggable: false,
        layoutIterations: 64,
        data: chart.nodes.map(({ id, depth, url, side }) => ({
          name: id,
          depth,
          url,
          itemStyle: { color: depth ? COLOURS[3] : FLOW_COLOURS[side] },
          label: { position: depth ? "right" : "left", width: widths[depth] },
        })),
        links: chart.links,
        emphasis: { focus: "adjacency" },
        lineStyle: { color: "source", opacity: 0.28, curveness: 0.5 },
        label: {
          color: INK,
          overflow: "break",
          lineHeight: 14,
          formatter: ({ name }) => names.get(name),
        },
      },
    ],
  };
}

/** Amounts of counties differ by thousands, so each shade stands for a step of 1, 2, 5, 10 ... times below the most. */
function piecesOf(amounts, money) {
  const most = Math.max(100, ...amounts);
  const digits = 10 ** Math.floor(Math.log10(most));
  const top = [1, 2, 5, 10].map((step) => step * digits).find((step) => step >= most);
  const bounds = [top, top / 2, top / 10, top / 100];
  const pieces = bounds.map((upper, number) => {
    const lower = bounds[number + 1];
    const label = lower === undefined ? `≤ ${money.short(upper)}` : `${money.short(lower)} – ${money.short(upper)}`;
    return { gt: lower ?? 0, lte: upper, label, color: SHADES[SHADES.length - 1 - number] };
  });
  if (Math.min(...amounts) < 0) pieces.push({ lt: 0, label: "< 0", color: BELOW });
  return pieces;
}

async function mapOption(chart, { echarts, money, mapUrl, isNarrow }) {
  if (!echarts.getMap("counties")) {
    const shapes = await fetch(mapUrl, { credentials: "same-origin" });
    if (!shapes.ok) throw new Error(`${shapes.status} ${mapUrl}`);
    echarts.registerMap("counties", await shapes.json());
  }
  const amounts = chart.items.map((item) => item.value);
  const countyNames = new Map(echarts.getMap("counties").geoJSON.features.map(({ properties }) => [properties.code, properties.name]));
  return {
    ...common(),
    tooltip: {
      confine: true,
      // Of a county without an amount the library knows no more than its code.
      formatter: ({ data, name }) =>
        data?.parts ? tip(data.county, data.parts.map((part) => [part.name, money.full(part.value)])) : tip(countyNames.get(name) ?? name, [["", "—"]]),
    },
    visualMap: {
      type: "piecewise",
      left: 0,
      bottom: 0,
      itemGap: 4,
      itemWidth: 16,
      itemHeight: 12,
      selectedMode: false,
      pieces: piecesOf(amounts, money),
      textStyle: { color: INK, fontSize: isNarrow ? 11 : 12 },
    },
    series: [
      {
        type: "map",
        map: "counties",
        nameProperty: "code",
        // About the width of a degree of longitude over its height at Gansu's latitude.
        aspectScale: 0.79,
        top: 8,
        bottom: isNarrow ? 110 : 8,
        selectedMode: false,
        itemStyle: { areaColor: "#f6f2eb", borderColor: "#b9b0a4", borderWidth: 0.6 },
        emphasis: { label: { show: false }, itemStyle: { areaColor: COLOURS[1] } },
        data: chart.items.map(({ code, name, value, url, parts }) => ({ name: code, county: name, value, url, parts })),
      },
    ],
  };
}

function heightOf(chart, isNarrow) {
  if (chart.kind === "map") return isNarrow ? 380 : 460;
  if (chart.kind === "flow") {
    const ends = [0, 1].map((depth) => chart.nodes.filter((node) => node.depth === depth).length);
    return Math.max(240, Math.max(...ends) * (isNarrow ? 38 : 34) + 24);
  }
  return chart.upright ? (isNarrow ? 260 : 320) : chart.items.length * (chart.before ? ROW_HEIGHT + 8 : ROW_HEIGHT) + 84;
}

/** A bar may be thin or low, so its whole row or column leads where it does. */
function openItems(drawn, chart) {
  const pane = drawn.getZr();
  const urlAt = ({ offsetX, offsetY }) => {
    if (!drawn.containPixel({ gridIndex: 0 }, [offsetX, offsetY])) return undefined;
    return chart.items[drawn.convertFromPixel({ gridIndex: 0 }, [offsetX, offsetY])[chart.upright ? 0 : 1]]?.url;
  };
  pane.on("click", (event) => {
    const url = urlAt(event);
    if (url) window.location.assign(url);
  });
  pane.on("mousemove", (event) => pane.setCursorStyle(urlAt(event) ? "pointer" : "default"));
}

async function draw(figure) {
  const chart = JSON.parse(figure.dataset.chart);
  const echarts = await import(figure.dataset.library);
  const plot = figure.querySelector("[data-plot]");
  figure.hidden = false;
  const isNarrow = figure.clientWidth < 560;
  plot.style.height = `${heightOf(chart, isNarrow)}px`;
  const context = {
    echarts,
    isNarrow,
    money: moneyOf(figure.dataset.locale),
    words: { before: figure.dataset.before, total: figure.dataset.total, unit: figure.dataset.unit },
    mapUrl: figure.dataset.map,
  };
  const options = { bars: barsOption, flow: flowOption, map: mapOption };
  const option = await options[chart.kind](chart, context);
  const drawn = echarts.init(plot, null, { renderer: "canvas", devicePixelRatio: Math.max(2, window.devicePixelRatio) });
  drawn.setOption(option);
  if (chart.kind === "bars") {
    openItems(drawn, chart);
  } else {
    drawn.on("click", ({ data }) => { if (data?.url) window.location.assign(data.url); });
  }
  new ResizeObserver(() => { if (!window.matchMedia("print").matches) drawn.resize(); }).observe(plot);
  window.addEventListener("beforeprint", () => drawn.resize({ width: PAPER_WIDTH }));
  window.addEventListener("afterprint", () => drawn.resize({ width: "auto" }));
  figure.dataset.drawn = "true";
}

for (const figure of document.querySelectorAll("[data-chart]")) {
  draw(figure).catch((error) => {
    figure.hidden = true;
    console.error(error);
  });
}
