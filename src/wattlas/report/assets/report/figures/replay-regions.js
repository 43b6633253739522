// Where did requests run, hour by hour? Bars stacked by region.
(function (W) {
  "use strict";

  const MOST = 12;

  function policies() {
    return W.unique(W.rows("replay_places").map((row) => row.policy)).reverse();
  }

  const controls = [() => ({ key: "policy", label: "Policy", kind: "choice", options: policies().map((id) => [id, id]) })];

  function draw(state, theme, width) {
    const { policy } = state;
    const own = W.rows("replay_places").filter((row) => row.policy === policy);
    const times = W.unique(own.map((row) => row.time_utc));
    const total = new Map();
    for (const row of own) total.set(row.region, (total.get(row.region) || 0) + row.requests);
    const ranked = [...total].sort((a, b) => b[1] - a[1]).map(([id]) => id);
    const shown = ranked.slice(0, MOST);
    const label = (id) => (shown.includes(id) ? W.name("region", id) : "other regions");
    const sums = new Map();
    for (const row of own) {
      const key = `${label(row.region)}\n${row.time_utc}`;
      sums.set(key, (sums.get(key) || 0) + row.requests);
    }
    const names = W.unique(ranked.map(label));
    const whole = W.sum([...total.values()]);
    const key = W.key(names, width, theme);
    const first = ranked.slice(0, 3).map((id) => `${W.name("region", id)} ${W.say(total.get(id) / whole, "share")}`);
    return {
      answer: `Under ${policy}, most requests ran in ${first.join(", ")}.`,
      height: 340 + key.more,
      option: {
        grid: { left: 60, right: 20, top: 36, bottom: 78 + key.more },
        xAxis: { type: "category", data: times.map(W.hour), axisLabel: { hideOverlap: true } },
        yAxis: W.above("Requests per step", theme, 60),
        series: names.map((name, at) => ({ name, type: "bar", stack: "all", barCategoryGap: "8%", color: W.tint(W.palette[at % W.palette.length]), data: times.map((time) => sums.get(`${name}\n${time}`) || 0) })),
        legend: { ...key.legend, icon: undefined, itemHeight: 8, itemWidth: 12 },
        tooltip: { trigger: "axis", formatter: (items) => W.tip(items[0].axisValue, items.filter((item) => item.value).map((item) => [item.seriesName, W.num(item.value), item.color])) },
      },
      notes: [],
      columns: ["policy", "time_utc", "region", "requests"],
      rows: own.map((row) => [row.policy, row.time_utc, row.region, row.requests]),
    };
  }

  W.figure("replay-regions", { controls, draw });
})(window.Wattlas);
