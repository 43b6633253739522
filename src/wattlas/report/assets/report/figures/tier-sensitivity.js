// What does the verdict depend on? A tornado: one assumption moved at a time, the same offer judged again.
(function (W) {
  "use strict";

  const T = W.tiers;
  const LACKS = W.words.get("tier-sensitivity").lacks;
  const KINDS = {
    profit: { name: "Profit", title: "Profit gain", key: (side) => `profit_gain_${side}_usd`, kind: "usd" },
    carbon: { name: "Carbon", title: "Carbon saved", key: (side) => `carbon_saved_${side}_kg`, kind: "kg" },
    adoption: { name: "Adoption", title: "Adoption", key: (side) => `adoption_${side}`, kind: "share" },
  };

  const controls = [
    ...T.controls,
    (state) => {
      const rows = T.rows("tier_sensitivity", state);
      const options = Object.entries(KINDS).filter(([, one]) => rows.some((row) => row[one.key("base")] != null && (row[one.key("low")] != null || row[one.key("high")] != null))).map(([id, one]) => [id, one.name]);
      return options.length > 1 && { kind: "choice", key: "of", label: "Effect on", options };
    },
  ];

  function draw(state, theme, width) {
    const all = T.rows("tier_sensitivity", state);
    if (!all.length) return T.nothing(state, LACKS);
    const of = KINDS[state.of] || KINDS.profit;
    const read = (row, side) => row[of.key(side)];
    const swing = (row) => Math.max(...["low", "high"].map((side) => Math.abs((read(row, side) ?? read(row, "base")) - read(row, "base"))));
    // The tests stay on top, in their order; the others by their swing.
    const tested = (row) => (row.test ? 1 : 0);
    const rows = [...all].sort((a, b) => tested(a) - tested(b) || (place(all, b) - place(all, a)) * tested(a) || swing(a) - swing(b));
    const base = read(rows[0], "base");
    const size = Math.max(...rows.flatMap((row) => ["low", "base", "high"].map((side) => Math.abs(read(row, side) ?? 0))));
    const scale = of.kind === "share" ? { div: 0.01, unit: "% of the requests" } : W.scale(size, of.kind);
    const small = width < 560;
    const left = small ? 128 : 220;
    // Where the ends do not lie on opposite sides of the base, the two bars share the height.
    const shared = (row) => ((read(row, "low") ?? base) - base) * ((read(row, "high") ?? base) - base) >= 0;
    const side = (which) => rows.map((row) => ({ shared: shared(row), value: [read(row, "base") / scale.div, (read(row, which) ?? read(row, "base")) / scale.div, rows.indexOf(row)], row, which }));
    const data = [...side("low"), ...side("high")];
    const ends = data.flatMap((one) => one.value.slice(0, 2));
    const [low, high] = W.extent([...ends, ...(of.kind === "share" ? [] : [0])]);
    const air = (high - low) * (small ? 0.22 : 0.14) || 1;
    // Room on the left for the number at the end of a bar; none where all bars are far from zero.
    const least = Math.min(...ends);
    const min = low < 0 || least - low < air ? low - air : low;
    const apart = (value) => (Math.abs(value) / (high + air - min)) * (width - left - 18) > (small ? 60 : 110);
    return {
      answer: answer(rows, read, of, base),
      height: 96 + rows.length * (small ? 46 : 38),
      option: {
        grid: { left, right: 18, top: 34, bottom: 46 },
        xAxis: { type: "value", min, max: high + air, axisLine: { onZero: false }, name: `${of.title}, ${scale.unit}${W.year && of.kind !== "share" ? " a year" : ""}`, nameGap: 28, axisLabel: { formatter: (v) => W.num(v), showMinLabel: min === 0, showMaxLabel: false } },
        yAxis: { type: "category", data: rows.map((row) => (row.test ? `${row.passed ? "✔" : "✘"} ${row.label}` : row.label)), axisTick: { show: false }, axisLine: { show: false }, axisLabel: { color: theme.ink, fontSize: small ? 11 : 12, lineHeight: 13, interval: 0, hideOverlap: false, width: left - 14, overflow: "break" } },
        tooltip: { trigger: "item" },
        series: [{
          type: "custom", encode: { x: [0, 1], y: 2 }, data,
          renderItem: (params, api) => bar(api, data[params.dataIndex], theme, small),
          tooltip: { formatter: (event) => tip(event.data.row, read, of) },
          markLine: {
            silent: true, symbol: "none", animation: false, label: { fontSize: 11, color: theme.muted, position: "end" },
            data: [
              { xAxis: base / scale.div, lineStyle: { color: theme.ink, width: 1.5, type: "solid" }, label: { formatter: () => `${small ? "" : "as assumed "}${W.say(base, of.kind)}`, color: theme.ink } },
              ...(of.kind !== "share" ? [{ xAxis: 0, lineStyle: { color: theme.baseline, width: 1.5, type: "dashed" }, label: { formatter: () => "no tier", show: apart(base / scale.div) } }] : []),
            ],
          },
        }],
      },
      notes: [
        "Each bar moves one assumption from its low to its high value, the others held, and judges the same offer again. Pale: the low value, full colour: the high one; the numbers at the ends are the values.",
        ...tests(all),
        ...(of.kind !== "share" && low < 0 ? ["Left of the dashed line the offer is worse than none."] : []),
      ],
      columns: Object.keys(all[0]), rows: all.map((row) => Object.values(row)),
    };
  }

  const place = (all, row) => all.indexOf(row);

  function bar(api, one, theme, small) {
    const [x0, y] = api.coord([api.value(0), api.value(2)]);
    const [x1] = api.coord([api.value(1), api.value(2)]);
    const tall = one.shared ? 26 : small ? 20 : 18;
    const strong = one.which === "high";
    const height = one.shared ? tall / 2 : tall;
    const top = one.shared && !strong ? y : y - tall / 2;
    const shape = { x: Math.min(x0, x1), y: top, width: Math.max(1, Math.abs(x1 - x0)), height };
    const text = { text: W.num(one.row[one.which]), fontSize: small ? 10 : 11, fill: theme.muted, verticalAlign: "middle", align: x1 < x0 || (x1 === x0 && !strong) ? "right" : "left" };
    return {
      type: "group",
      children: [
        { type: "rect", shape, style: { fill: theme.plan, opacity: strong ? 1 : 0.4 } },
        { type: "text", x: x1 + (text.align === "right" ? -5 : 5), y: top + height / 2, style: text },
      ],
    };
  }

  // The three tests on top, in words: what each assumes, and whether the offer passes it.
  function tests(all) {
    const made = all.filter((row) => row.test);
    return made.length ? [`Tests, on top: ${made.map((row) => `${row.passed ? "✔" : "✘"} ${row.test}`).join("; ")}. ✔: the offer loses no profit and is still worth making.`] : [];
  }

  function answer(rows, read, of, base) {
    const swing = (row) => Math.max(...["low", "high"].map((side) => Math.abs((read(row, side) ?? read(row, "base")) - read(row, "base"))));
    const top = rows.reduce((best, row) => (swing(row) > swing(best) ? row : best), rows[0]);
    const say = (side) => W.say(read(top, side) ?? read(top, "base"), of.kind);
    const unit = top.unit ? ` ${top.unit}` : "";
    const turned = of.kind === "usd" ? rows.filter((row) => ["low", "high"].some((side) => read(row, side) != null && read(row, side) <= 0 && base > 0)) : [];
    const head = `${of.title} hangs most on one assumption, “${top.label}”: from ${W.num(top.low)} to ${W.num(top.high)}${unit} it goes from ${say("low")} to ${say("high")} (as assumed: ${W.say(base, of.kind)})`;
    if (of.kind !== "usd") return `${head}.`;
    return `${head}. ${turned.length ? `${turned.length} of the ${rows.length} assumptions can undo the gain` : `None of the ${rows.length} assumptions undoes the gain by itself`}.`;
  }

  const tip = (row, read, of) =>
    W.tip(row.label, ["low", "base", "high"].map((side) => [`${side === "base" ? "as assumed" : side}: ${W.num(row[side])}${row.unit ? ` ${row.unit}` : ""}`, W.say(read(row, side), of.kind)]));

  T.figure("tier-sensitivity", { controls, draw });
})(window.Wattlas);
