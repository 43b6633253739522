// How long did requests take? Cumulative shares over latency, a line per policy.
(function (W) {
  "use strict";

  const STYLES = ["dashed", "solid"];
  // Of two policies the second is the one looked at; of more, each has a colour of its own.
  const colour = (at, count, theme) => (at === 0 ? theme.baseline : count < 3 ? theme.plan : W.palette[(at - 1) % W.palette.length]);

  function choices() {
    const rows = W.rows("replay_latency");
    return { classes: W.unique(rows.map((row) => row.class)), moments: W.unique(rows.map((row) => row.moment)) };
  }

  const controls = [
    () => ({ key: "class", label: "Class", kind: "select", options: choices().classes.map((id) => [id, W.klass(id)]) }),
    () => ({ key: "moment", label: "Until", kind: "choice", options: choices().moments.map((moment) => [moment, moment]) }),
  ];

  function draw(state, theme, width) {
    const { class: klass, moment } = state;
    const own = W.rows("replay_distribution").filter((row) => row.class === klass && row.moment === moment);
    const policies = W.unique(own.map((row) => row.policy));
    const marks = W.rows("replay_latency").filter((row) => row.class === klass && row.moment === moment && row.service === "full");
    const said = policies.map((policy) => {
      const row = marks.find((mark) => mark.policy === policy);
      return row ? `${policy}: half within ${W.say(row.p50_ms, "ms")}, 95 % within ${W.say(row.p95_ms, "ms")}, 99 % within ${W.say(row.p99_ms, "ms")}` : null;
    }).filter(Boolean);
    const key = W.key(policies, width, theme);
    const ranked = [...marks].sort((one, other) => one.p95_ms - other.p95_ms);
    const within = (row) => `${W.say(row.p95_ms, "ms")} under ${row.policy}`;
    return {
      answer: said.length > 2 ? `To the ${moment} in full service, 95 % took at most ${within(ranked[0])}, the quickest of ${said.length} policies, and ${within(ranked.at(-1))}, the slowest.` : said.length ? `To the ${moment} in full service, ${said.join("; ")}.` : "No request was served.",
      height: 326 + key.more,
      option: {
        grid: { left: 52, right: 20, top: 36, bottom: 66 + key.more },
        xAxis: { type: "log", name: `Time to the ${moment}, ms`, nameLocation: "middle", nameGap: 28, axisLabel: { formatter: (v) => W.num(v) } },
        yAxis: { ...W.above("Share of the requests, %", theme, 52), min: 0, max: 100 },
        series: policies.map((policy, at) => ({
          name: policy, type: "line", symbol: "none", step: "end", color: colour(at, policies.length, theme),
          lineStyle: { type: policies.length > 1 ? STYLES[Math.min(at, 1)] : "solid", width: 2, color: colour(at, policies.length, theme) },
          data: own.filter((row) => row.policy === policy).map((row) => [row.latency_ms, row.share * 100]),
        })),
        legend: key.legend,
        tooltip: { trigger: "axis", formatter: (items) => W.tip(`within ${W.say(items[0].axisValue, "ms")}`, items.map((item) => [item.seriesName, `${W.num(item.value[1])} %`, item.color])) },
      },
      notes: ["Network, queue and service together; full and degraded requests of the class. Bins are 1 % wide."],
      columns: ["policy", "class", "moment", "latency_ms", "share"],
      rows: own.map((row) => [row.policy, row.class, row.moment, row.latency_ms, row.share]),
    };
  }

  W.figure("replay-latency", { controls, draw });
})(window.Wattlas);
