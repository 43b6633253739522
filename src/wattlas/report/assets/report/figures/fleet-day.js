// Whose demand fills the accelerators of a region? One day, stacked by where the demand comes from.
(function (W) {
  "use strict";

  const F = W.fleet;
  const SHOWN = 8; // origins with a colour of their own; the rest is one grey
  const OTHERS = "others";
  const NONE = "none";

  const foreign = (region) => W.sum(W.rows("fleet_day").filter((row) => row.region === region && row.origin !== region).map((row) => row.gpu));
  const used = () => W.unique(W.rows("fleet_day").map((row) => row.region));
  const controls = [
    () => {
      const ids = used().sort((a, b) => (F.name(a) < F.name(b) ? -1 : 1));
      const most = [...ids].sort((a, b) => foreign(b) - foreign(a))[0];
      return ids.length > 1 && { kind: "select", key: "region", label: "Region", options: ids.map((id) => [id, F.name(id)]), standard: most };
    },
  ];

  function draw(state, theme, width) {
    const all = W.rows("fleet_day");
    const region = state.region ?? used()[0];
    const own = all.filter((row) => row.region === region);
    const times = W.unique(all.map((row) => row.time_utc)).sort();
    const sums = new Map();
    for (const row of own) sums.set(row.origin, (sums.get(row.origin) || 0) + row.gpu);
    const ranked = [...sums.keys()].sort((a, b) => (b === region) - (a === region) || sums.get(b) - sums.get(a));
    const named = ranked.slice(0, ranked.length > SHOWN + 1 ? SHOWN : ranked.length);
    const bins = [...named, ...(ranked.length > named.length ? [OTHERS] : [])];
    const bin = (row) => (named.includes(row.origin) ? row.origin : OTHERS);
    const at = new Map(times.map((time, n) => [time, n]));
    const grid = new Map(bins.map((id) => [id, times.map(() => 0)]));
    for (const row of own) grid.get(bin(row))[at.get(row.time_utc)] += row.gpu;
    const held = (variant) => (W.rows("fleet_regions").find((row) => row.variant === variant && row.region === region) || {}).usable_gpu;
    const [fleet, peak] = [held("optimal"), held("own_peaks")];
    const small = width < 560;
    const flat = (value, name, colour, type) => ({ name, type: "line", step: "middle", symbol: "none", z: 6, data: times.map(() => value), color: colour, lineStyle: { color: colour, width: 2, type } });
    return {
      answer: answer(region, own, times, fleet),
      alt: `Stacked bars of ${bins.length} origins in ${times.length} steps.`,
      height: 400 + (small ? 60 : 0),
      option: {
        grid: { left: 58, right: 18, top: 34, bottom: small ? 130 : 92 },
        legend: { bottom: 0, left: 0, itemWidth: 14, itemHeight: 9, textStyle: { color: theme.muted, fontSize: 12 }, selectedMode: false },
        xAxis: { type: "category", data: times, name: "Hour, UTC", nameGap: 26, axisTick: { show: false }, axisLabel: { formatter: (time) => time.slice(11, 16), interval: Math.max(0, Math.ceil(times.length / 8) - 1) } },
        yAxis: { ...W.above("Accelerators in use", theme, 58), min: 0 },
        tooltip: { trigger: "axis", axisPointer: { type: "shadow" }, formatter: (items) => tip(items, region) },
        series: [
          ...bins.map((id) => ({ name: label(id, region), type: "bar", stack: "day", barCategoryGap: "12%", data: grid.get(id), color: id === OTHERS || id === NONE ? theme.baseline : W.colour(id) })),
          ...(fleet == null ? [] : [flat(fleet, "Fleet of least cost", theme.ink, "solid")]),
          ...(peak == null ? [] : [flat(peak, "For its own peak", theme.muted, "dashed")]),
        ],
      },
      notes: [
        "The day on which all demand together is largest, placed at least cost on the fleet of least cost. Colours: the baseline region of the demand. Among placements that cost the same, one is shown.",
        ...(fleet != null && times.some((_, n) => W.sum(bins.map((id) => grid.get(id)[n])) > fleet * 1.001) ? ["Above the line accelerators are rented by the hour."] : []),
      ],
      columns: ["time_utc", "region", "origin", "accelerators"],
      rows: all.map((row) => [row.time_utc, row.region, row.origin, row.gpu]),
    };
  }

  const label = (id, region) => (id === region ? `${F.name(id)}, its own` : id === OTHERS ? "Other regions" : id === NONE ? "No baseline region" : F.name(id));

  function answer(region, own, times, fleet) {
    const total = W.sum(own.map((row) => row.gpu));
    const day = times[0].slice(0, 10);
    if (!(total > 0)) return `Nothing runs in ${F.name(region)} on ${day}.`;
    const guests = new Map();
    for (const row of own) if (row.origin !== region) guests.set(row.origin, (guests.get(row.origin) || 0) + row.gpu);
    const [most] = [...guests].sort((a, b) => b[1] - a[1]);
    const share = W.sum([...guests.values()]) / total;
    const hours = [...W.group(own, (row) => row.time_utc).values()].map((rows) => W.sum(rows.map((row) => row.gpu)));
    const whose = most ? `${W.say(share, "share")} of the accelerator time in ${F.name(region)} serves demand of other regions, the largest part of ${most[0] === NONE ? "no baseline region" : F.name(most[0])}` : `${F.name(region)} serves its own demand alone`;
    return `On ${day} ${whose}; at most ${F.gpu(Math.max(...hours))} accelerators are in use${fleet == null ? "" : `, and ${F.gpu(fleet)} are held`}.`;
  }

  function tip(items, region) {
    const time = items[0].axisValue;
    const bars = items.filter((item) => item.seriesType === "bar" && item.value > 0);
    return W.tip(`${F.name(region)}, ${W.hour(time)} UTC`, [
      ...bars.map((item) => [item.seriesName, F.gpu(item.value), item.color]),
      ["In use", F.gpu(W.sum(bars.map((item) => item.value)))],
      ...items.filter((item) => item.seriesType === "line").map((item) => [item.seriesName, F.gpu(item.value)]),
    ]);
  }

  W.figure("fleet-day", { controls, draw });
})(window.Wattlas);
