// Who takes the offer? Segment by segment, and whether each of them is right to.
(function (W) {
  "use strict";

  const T = W.tiers;
  const LACKS = W.words.get("tier-segments").lacks;
  const { el } = W;
  const HEADS = ["Segment", "Its requests", "Consciousness", "Adoption", "Prefers", "Gain per million requests", "Individually rational", "Incentive compatible", "Adopters who lose"];

  function draw(state) {
    const rows = [...T.rows("tier_segments", state)].sort((a, b) => b.adoption - a.adoption);
    const verdict = T.verdict(T.klass(state));
    if (!rows.length) return T.nothing(state, LACKS);
    const most = Math.max(1e-12, ...rows.map((row) => Math.abs(row.gain_usd_per_million)));
    return {
      answer: answer(rows, verdict),
      node: el("div", { class: "scroll whole", tabindex: "0" }, el(
        "table", { class: "plain stack" },
        el("thead", {}, el("tr", {}, ...HEADS.map((text, at) => el("th", { scope: "col", class: [1, 2, 8].includes(at) ? "n" : null }, text)))),
        el("tbody", {}, ...rows.map((row) => line(row, most))),
      )),
      notes: [
        "Gain: what a user of the segment has from the contract over the standard one, in the mean, discount less what the degraded requests are worth to it. Individually rational: a green user of the segment does not lose by it. Incentive compatible: the segment prefers the tier that it takes.",
        "Consciousness is the weight of carbon in a user's utility, 0 to 1. Choices vary around the better contract, so that some adopt what costs them more than it gives.",
      ],
      columns: Object.keys(rows[0]), rows: rows.map((row) => Object.values(row)),
    };
  }

  const cell = (at, content, kind) => el("td", { class: kind || null, "data-label": HEADS[at] }, ...[].concat(content));
  const tick = (yes) => el("span", { class: yes ? "verdict yes" : "verdict cross" }, yes ? "✔ yes" : "✘ no");

  function line(row, most) {
    return el(
      "tr", {},
      el("th", { scope: "row" }, row.segment),
      cell(1, W.say(row.requests_share, "share"), "n"),
      cell(2, W.num(row.consciousness, 2), "n"),
      cell(3, [track(row.adoption * 100), el("b", {}, W.say(row.adoption, "share"))], "bar"),
      cell(4, row.prefers),
      cell(5, [both((50 * row.gain_usd_per_million) / most), el("b", {}, T.signed(row.gain_usd_per_million, "usd"))], "bar"),
      cell(6, tick(row.rational)), cell(7, tick(row.compatible)),
      cell(8, W.say(row.losing_share, "share"), "n"),
    );
  }

  const track = (width) => el("span", { class: "track" }, el("i", { style: `width:${Math.max(0, Math.min(100, width))}%` }));
  // Gains to the right of the middle, losses to the left.
  const both = (half) => el("span", { class: "track both" }, el("i", { class: half < 0 ? "loss" : null, style: half < 0 ? `right:50%;width:${-half}%` : `left:50%;width:${half}%` }));

  function answer(rows, verdict) {
    const overall = W.sum(rows.map((row) => row.adoption * row.requests_share)) / (W.sum(rows.map((row) => row.requests_share)) || 1);
    const losing = rows.filter((row) => !row.rational);
    const wrong = rows.filter((row) => !row.compatible);
    const list = (some) => some.map((row) => row.segment).join(", ");
    const head = `${verdict.worth ? "" : `${T.no(verdict)} `}${W.say(overall, "share")} of the requests come under the contract: ${rows[0].segment} most (${W.say(rows[0].adoption, "share")})${rows.length > 1 ? `, ${rows.at(-1).segment} least (${W.say(rows.at(-1).adoption, "share")})` : ""}.`;
    const fair = losing.length ? ` Green users of ${list(losing)} lose by it` : " No segment's green users lose by it in the mean";
    return `${head}${fair}${wrong.length ? `; ${list(wrong)} ${wrong.length === 1 ? "does" : "do"} not prefer the tier that ${wrong.length === 1 ? "it takes" : "they take"}` : ""}.`;
  }

  T.figure("tier-segments", { controls: T.controls, draw });
})(window.Wattlas);
