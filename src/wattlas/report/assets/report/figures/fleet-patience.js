// What is waiting worth to the fleet? Accelerators and cost over the hours that demand may wait.
(function (W) {
  "use strict";

  const F = W.fleet;

  function draw(state, theme, width) {
    const rows = [...W.rows("fleet_patience")].sort((a, b) => a.wait_h - b.wait_h);
    const exact = (row) => row.how === "exact";
    const made = F.over({ x: "wait_h", rows, base: F.of("own_peaks"), baseName: "each region for its own peak", hollow: (row) => !exact(row), name: "Hours that demand may wait", say: (row) => `Waits up to ${W.num(row.wait_h)} h` }, theme, width);
    const [first, last] = [rows[0], rows.at(-1)];
    const saved = first.cost_usd - last.cost_usd;
    return {
      ...made,
      answer: `Demand that may wait ${W.num(last.wait_h)} h instead of ${W.num(first.wait_h)} h needs ${F.gpu(last.gpu)} accelerators instead of ${F.gpu(first.gpu)}: ${W.say(Math.abs(saved), "usd")} ${saved >= 0 ? "less" : "more"} ${W.period}.`,
      notes: [
        "Filled: exact to the gap that the table states. Hollow: sized for levelled work. Between two of them the fleet is not known.",
        ...(made.cut ? ["The axes do not start at zero."] : []),
      ],
      columns: Object.keys(rows[0]), rows: rows.map((row) => Object.values(row)),
    };
  }

  const without = () => "Every request runs in the hour in which it arrives. wattlas fleet --patience CLASS:0,1,6,24 says what waiting takes off the fleet.";
  W.figure("fleet-patience", { draw, without });
})(window.Wattlas);
