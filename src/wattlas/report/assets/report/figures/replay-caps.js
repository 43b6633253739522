// Was the degradation cap kept? The degraded share of what was delivered, and the cap, over time.
(function (W) {
  "use strict";

  function caps() {
    return W.unique(W.rows("replay_caps").map((row) => row.cap));
  }

  const controls = [() => ({ key: "cap", label: "Contract", kind: "select", options: caps().map((id) => [id, id]) })];

  function draw(state, theme, width) {
    const { cap } = state;
    const own = W.rows("replay_caps").filter((row) => row.cap === cap);
    const policies = W.unique(own.map((row) => row.policy));
    const most = own[0].share_max;
    const top = Math.max(...own.map((row) => row.share));
    const over = W.rows("replay_totals").filter((row) => row.measure === "over_cap");
    const prefixes = W.sum(over.map((row) => row.value));
    const last = policies.at(-1);
    const lines = policies.map((policy, at) => {
      const rows = own.filter((row) => row.policy === policy);
      // A new window begins at 0: the line must not lead over from the old one.
      const data = rows.flatMap((row, n) => (n && row.window_utc !== rows[n - 1].window_utc ? [[row.time_utc, null], [row.time_utc, row.share * 100]] : [[row.time_utc, row.share * 100]]));
      return { name: policy, type: "line", symbol: rows.length < 40 ? "circle" : "none", symbolSize: 4, color: at === 0 ? theme.baseline : policies.length < 3 ? theme.plan : W.palette[(at - 1) % W.palette.length], lineStyle: { width: 2, type: at || policies.length < 2 ? "solid" : "dashed" }, data };
    });
    lines.push({ name: `cap, ${W.say(most, "share")}`, type: "line", symbol: "none", color: theme.user, lineStyle: { type: "dotted", width: 2 }, data: [own[0], own.at(-1)].map((row) => [row.time_utc, row.share_max * 100]) });
    const key = W.key(lines.map((line) => line.name), width, theme);
    return {
      answer: `Under ${last}, at most ${W.say(Math.max(...own.filter((row) => row.policy === last).map((row) => row.share)), "share")} of what had been delivered at the end of a step was degraded, of ${W.say(most, "share")} allowed; ${prefixes ? `${W.num(prefixes)} answers left it above the cap` : "no answer ever left it above the cap"}.`,
      height: 300 + key.more,
      option: {
        grid: { left: 52, right: 20, top: 36, bottom: 52 + key.more },
        xAxis: { type: "time" },
        yAxis: { ...W.above("Degraded, % of delivered", theme, 52), min: 0, max: Math.ceil(110 * Math.max(most, top)) },
        series: lines,
        legend: key.legend,
        tooltip: { trigger: "axis", formatter: (items) => W.tip(W.hour(new Date(items[0].axisValue).toISOString()), items.filter((item) => item.value[1] != null).map((item) => [item.seriesName, `${W.num(item.value[1])} %`, item.color])) },
      },
      notes: ["Counted in the order in which answers were delivered, in the billing window of each request's admission."],
      columns: ["policy", "time_utc", "cap", "delivered", "granted", "degraded", "share", "share_max"],
      rows: own.map((row) => [row.policy, row.time_utc, row.cap, row.delivered, row.granted, row.degraded, row.share, row.share_max]),
    };
  }

  W.figure("replay-caps", { controls, draw });
})(window.Wattlas);
