// How much must be degraded to stay under a carbon cap? Lines by zone, against a carbon-blind share.
(function (W) {
  "use strict";

  const T = W.tiers;
  const RULES = { budget: "Budget", percentile: "Percentile" };
  const PLACES = { local: "At the baseline region", remote: "Wherever is cleanest" };
  const CAP = 0.9;
  const ENDS = 4;

  const offered = (key, names, rows) => W.unique(rows.map((row) => row[key])).filter((id) => id !== "blind").sort((a, b) => Object.keys(names).indexOf(a) - Object.keys(names).indexOf(b)).map((id) => [id, names[id] || id]);

  const controls = [
    () => {
      const options = offered("rule", RULES, W.rows("tier_shares"));
      return options.length > 0 && { kind: "choice", key: "rule", label: "Rule", options };
    },
    (state) => {
      const options = offered("place", PLACES, W.rows("tier_shares").filter((row) => row.rule === state.rule));
      return options.length > 1 && { kind: "choice", key: "place", label: "Degraded", options };
    },
    () => {
      const [min, max] = W.extent(W.rows("tier_shares").map((row) => row.cap_share));
      return min < max && { kind: "range", key: "cap", label: "Cap", min, max, step: 0.005, standard: Math.min(max, Math.max(min, CAP)), say: (value) => W.say(value, "share") };
    },
  ];

  // Straight between the caps that were computed; null where the nearest tighter one is unattainable.
  function read(rows, cap) {
    const upper = rows.find((row) => row.cap_share >= cap - 1e-9);
    const lower = rows.findLast((row) => row.cap_share <= cap + 1e-9);
    if (!upper || !lower) return null;
    if (upper === lower || upper.cap_share - lower.cap_share < 1e-9) return upper.share;
    if (upper.share == null || lower.share == null) return null;
    return lower.share + ((upper.share - lower.share) * (cap - lower.cap_share)) / (upper.cap_share - lower.cap_share);
  }

  const lineOf = (rows) => [...rows].sort((a, b) => a.cap_share - b.cap_share);

  // The same in all zones, as no zone's hours are looked at: the mean of those that attain the cap.
  function blindLine(all, place) {
    const own = all.filter((row) => row.rule === "blind" && row.place === place);
    const rows = (own.length ? own : all.filter((row) => row.rule === "blind")).filter((row) => row.share != null);
    return [...W.group(rows, (row) => row.cap_share)].map(([cap_share, list]) => ({ cap_share, share: W.sum(list.map((row) => row.share)) / list.length })).sort((a, b) => a.cap_share - b.cap_share);
  }

  function draw(state, theme, width) {
    const all = W.rows("tier_shares");
    const place = state.place ?? all[0].place;
    const rows = all.filter((row) => row.rule === state.rule && row.place === place);
    const cap = state.cap ?? all[0].cap_share;
    const zones = [...W.group(rows, (row) => row.zone)].map(([zone, list]) => ({ zone, rows: lineOf(list) }));
    for (const one of zones) one.share = read(one.rows, cap);
    const ranked = [...zones].sort((a, b) => (a.share ?? 2) - (b.share ?? 2));
    const blind = blindLine(all, place);
    const small = width < 560;
    const [least] = W.extent(all.map((row) => row.cap_share));
    const colour = colours(zones.map((one) => one.zone));
    // What is cut grows to the right; the axis names the cap that leaves.
    const x = (share) => (1 - share) * 100;
    const point = (row) => [x(row.cap_share), row.share * 100];
    const height = small ? 440 : 430;
    const beside = small ? 98 : 132;
    return {
      answer: answer(state, ranked, blind, cap),
      height,
      option: {
        grid: { left: 54, right: beside + 16, top: 40, bottom: 52 },
        graphic: ranking(ranked, colour, { left: width - beside, top: 40, tall: height - 92, small }, theme),
        xAxis: { type: "value", min: 0, max: x(least), name: small ? "Cap, % of full service's carbon (tighter →)" : "Carbon cap, % of what full service emits in the mean (tighter to the right)", nameGap: 30, splitLine: { show: false }, axisLabel: { formatter: (v) => W.num(100 - v) } },
        yAxis: { ...W.above("Share of requests degraded, %", theme), min: 0, max: 100, axisLabel: { formatter: (v) => W.num(v) } },
        tooltip: { trigger: "axis", formatter: (items) => tip(zones, blind, 1 - items[0].axisValue / 100, colour) },
        series: [
          ...zones.map((one) => zoneLine(one, colour(one.zone), point)),
          {
            type: "line", name: "blind to carbon", data: blind.map(point), symbol: "none", z: 6, color: theme.baseline, lineStyle: { color: theme.baseline, type: "dashed", width: 2 },
            markLine: { silent: true, symbol: "none", animation: false, lineStyle: { color: theme.ink, width: 1, type: "solid", opacity: 0.5 }, label: { show: false }, data: [{ xAxis: x(cap) }] },
          },
          {
            type: "scatter", silent: true, z: 7, data: [{ value: [x(cap), 100], symbolSize: 0.1 }],
            label: { show: true, formatter: () => `cap ${W.say(cap, "share")}`, position: x(cap) > 0.7 * x(least) ? [-6, 4] : [6, 4], align: x(cap) > 0.7 * x(least) ? "right" : "left", color: theme.ink, fontSize: 11 },
          },
          ...(blind.length > 2 ? [{
            type: "scatter", silent: true, z: 7, data: [{ value: point(blind[Math.floor(blind.length / 3)]), symbolSize: 0.1 }],
            label: { show: true, formatter: () => "blind to carbon", position: [-6, -10], align: "right", color: theme.muted, fontSize: 11, fontWeight: 600, textBorderColor: theme.paper, textBorderWidth: 3 },
          }] : []),
          { type: "scatter", silent: true, z: 8, data: ranked.filter((one) => one.share != null).map((one) => ({ value: [x(cap), one.share * 100], symbolSize: 6, itemStyle: { color: colour(one.zone), borderColor: theme.paper, borderWidth: 1, opacity: 1 } })) },
        ],
      },
      notes: [
        state.rule === "percentile" ? "Percentile: the dirtiest hours are degraded until what is still served in full keeps the cap in the mean; what the degraded requests emit is not looked at." : "Budget: the fewest requests are degraded that bring the carbon of all of them under the cap, the dirtiest hours first.",
        `Beside: what each zone degrades at the cap${ranked.some((one) => one.share == null) ? " (none: no share meets it)" : ""}. Dashed: the share that a rule blind to carbon needs, alike in every hour. A zone's line pays where it runs below; where the intensity hardly varies, it cannot. A line that ends early meets no tighter cap; between the caps that were computed the lines are straight.`,
      ],
      columns: Object.keys(all[0]), rows: [...rows, ...all.filter((row) => row.rule === "blind" && row.place === place)].map((row) => Object.values(row)),
    };
  }

  function zoneLine(one, colour, point) {
    const there = one.rows.filter((row) => row.share != null);
    return {
      type: "line", name: one.zone, data: there.map(point), symbol: "circle", symbolSize: 4, showSymbol: false, color: colour, lineStyle: { color: colour, width: 1.6 },
    };
  }

  // Beside the lines, the zones in the order in which they cross the cap, the highest on top.
  function ranking(ranked, colour, { left, top, tall, small }, theme) {
    const most = Math.floor(tall / 15);
    const every = Math.max(1, Math.ceil(ranked.length / most));
    const listed = ranked.filter((_, at) => at % every === 0 || at === ranked.length - 1).reverse();
    const gap = Math.min(19, tall / Math.max(1, listed.length));
    const text = (x, y, value, fill, align = "left") => ({ type: "text", x, y, silent: true, style: { text: value, fill, fontSize: small ? 10 : 11, align, verticalAlign: "middle" } });
    return [{
      type: "group", left: 0, top: 0,
      children: [
        // Holds the group in its place: ECharts measures a group by what is in it.
        { type: "rect", shape: { x: 0, y: 0, width: left, height: 1 }, style: { fill: "transparent" }, silent: true },
        ...listed.flatMap((one, at) => {
          const y = top + gap * (at + 0.5);
          const value = one.share == null ? "none" : `${W.num(one.share * 100, 2)} %`;
          return [
            { type: "rect", shape: { x: left, y: y - 4, width: 8, height: 8, r: 1 }, style: { fill: colour(one.zone) }, silent: true },
            text(left + 13, y, W.short(one.zone, small ? 7 : 11), one.share == null ? theme.muted : theme.ink),
            text(left + (small ? 98 : 126), y, value, theme.muted, "right"),
          ];
        }),
      ],
    }];
  }

  // A zone has the colour of its region where it has one region; others follow in the palette.
  function colours(zones) {
    const regions = W.group(W.rows("places").filter((row) => row.kind === "region" && row.zone), (row) => row.zone);
    return (zone) => (regions.has(zone) ? W.colour(regions.get(zone)[0].id) : W.tint(W.palette[zones.indexOf(zone) % W.palette.length]));
  }

  function tip(zones, blind, cap, colour) {
    const rows = zones.map((one) => [one.zone, read(one.rows, cap)]).sort((a, b) => (b[1] ?? 2) - (a[1] ?? 2));
    const ends = rows.length > 2 * ENDS + 1 ? [...rows.slice(0, ENDS), null, ...rows.slice(-ENDS)] : rows;
    const even = read(blind, cap);
    return W.tip(`Cap ${W.say(cap, "share")}`, [
      ...(even == null ? [] : [["blind to carbon", W.say(even, "share")]]),
      ...ends.map((row) => (row ? [row[0], row[1] == null ? "cannot be met" : W.say(row[1], "share"), colour(row[0])] : [`${rows.length - 2 * ENDS} more`, ""])),
    ]);
  }

  function answer(state, ranked, blind, cap) {
    const met = ranked.filter((one) => one.share != null);
    const even = read(blind, cap);
    const head = `To stay at ${W.say(cap, "share")} of full service's carbon`;
    if (!met.length) return `${head} no share of degraded requests suffices in any of the ${ranked.length} zones.`;
    const best = met[0];
    const worst = met.at(-1);
    const range = met.length > 1 ? `${best.zone} has to degrade ${W.say(best.share, "share")} of its requests, ${worst.zone} ${W.say(worst.share, "share")}` : `${best.zone} has to degrade ${W.say(best.share, "share")} of its requests`;
    const fewer = even == null ? 0 : met.filter((one) => one.share < even - 0.02).length;
    const spares = ranked.length > 1 ? `: looking at it spares more than two points in ${fewer} of ${ranked.length} zones` : "";
    const blindly = even == null ? "" : `. Blind to carbon it would be ${W.say(even, "share")}${spares}`;
    const lacking = ranked.length - met.length;
    return `${head}, ${range}${blindly}.${lacking ? ` ${lacking} zone${lacking === 1 ? "" : "s"} cannot meet it.` : ""}`;
  }

  T.figure("tier-shares", { controls, draw });
})(window.Wattlas);
