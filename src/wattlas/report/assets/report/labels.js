// Where the labels of dots go, and how far an axis reaches.
(function (W) {
  "use strict";

  // The range of an axis with some air; zero is kept as the foot where it is near.
  W.span = (values) => {
    const [low, high] = W.extent(values);
    if (!Number.isFinite(low)) return { min: 0, max: 1 };
    const air = (high - low) * 0.08 || Math.abs(high) * 0.1 || 1;
    return { min: low >= 0 && low < 0.4 * high ? 0 : low - air, max: high + air };
  };

  // The same for gains and losses: zero is always on the axis.
  W.fromZero = (values) => {
    const [low, high] = W.extent([0, ...values]);
    const air = (high - low) * 0.08 || 1;
    return { min: low < 0 ? low - air : 0, max: high + air };
  };

  // For each label the first side on which it meets neither a label nor a dot nor the border: a map
  // of row to {side, text}. Rows come in order of weight; `must` says which are never left out, `over` by how many pixels one may reach beyond the left edge;
  // `shifts` are pixels up or down by which one may stand beside its dot where no side is free: it is then moved by `dy`.
  const ROUND = ["right", "left", "top", "bottom"];
  W.settle = (rows, at, wide, { small = false, must = () => true, order = ROUND, radius = () => 7, over = 18, shifts = [] } = {}) => {
    const tall = 14;
    const taken = rows.map((row) => [...at(row), radius(row)]).map(([x, y, r]) => [x - r, y - r, x + r, y + r]);
    const sides = new Map();
    const close = (a, b) => Math.hypot(at(a)[0] - at(b)[0], at(a)[1] - at(b)[1]) < 6;
    const done = new Set();
    for (const row of rows) {
      if (done.has(row)) continue;
      const [x, y] = at(row);
      // Rows that end at one point share one label.
      const same = rows.filter((other) => !done.has(other) && close(row, other));
      same.forEach((other) => done.add(other));
      const text = small ? W.short(row.label) + (same.length > 1 ? ` +${same.length - 1}` : "") : same.map((other) => other.label).join(" = ");
      const long = text.length * (small ? 5.6 : 6.9) + 8;
      const near = radius(row) + 2;
      const far = near + 3;
      const boxes = {
        right: [x + near, y - tall / 2, x + far + long, y + tall / 2], left: [x - far - long, y - tall / 2, x - near, y + tall / 2],
        top: [x - long / 2, y - far - tall, x + long / 2, y - near], bottom: [x - long / 2, y + near, x + long / 2, y + far + tall],
      };
      const free = ([l, t, r, b]) => l >= -over && r <= wide && !taken.some(([l2, t2, r2, b2]) => l < r2 && l2 < r && t < b2 && t2 < b);
      const found = order.find((one) => free(boxes[one]));
      const moved = (found ? [] : shifts).flatMap((dy) => ["right", "left"].map((one) => ({ one, dy, box: boxes[one].map((edge, at_) => (at_ % 2 ? edge + dy : edge)) }))).find(({ box }) => free(box));
      if (moved) {
        taken.push(moved.box);
        sides.set(row, { side: moved.one, dy: moved.dy, text });
        continue;
      }
      if (!found && !must(row)) continue;
      const side = found || (x > wide / 2 ? "left" : "right");
      taken.push(boxes[side]);
      sides.set(row, { side, text });
    }
    return sides;
  };

  // Places for texts of any size, none over another, over a disc or beyond the border. `labels` come in order
  // of weight, each {text, size, spots: [[x, y, anchor], …]}; anchor is start, middle or end. `taken` are boxes
  // [left, top, right, bottom]. Returns the place of each, or null where there is none.
  const pen = document.createElement("canvas").getContext("2d");
  W.fit = (labels, taken, [wide, tall], font) => {
    const boxes = [...taken];
    return labels.map(({ text, size, spots, weight = 400 }) => {
      pen.font = `${weight} ${size}px ${font}`;
      const long = pen.measureText(text).width + 4;
      for (const [x, y, anchor] of spots) {
        const left = anchor === "start" ? x - 2 : anchor === "end" ? x - long + 2 : x - long / 2;
        const box = [left, y - size * 0.72, left + long, y + size * 0.72];
        const inside = box[0] >= 0 && box[2] <= wide && box[1] >= 0 && box[3] <= tall;
        if (!inside || boxes.some(([l, t, r, b]) => box[0] < r && l < box[2] && box[1] < b && t < box[3])) continue;
        boxes.push(box);
        return { x, y, anchor, box };
      }
      return null;
    });
  };

  W.short = (label, most = 16) => (label.length > most ? `${label.slice(0, most - 1)}…` : label);
})(window.Wattlas);
