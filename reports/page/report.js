"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const SVG = "http://www.w3.org/2000/svg";
  const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  const slider = document.getElementById("length");
  const state = { task: Object.keys(data.tasks)[0], length: null, off: new Set(), revealed: false };

  // Names are always set as text, never as markup.
  function make(tag, text, attributes = {}) {
    const element = document.createElement(tag);
    if (text !== undefined && text !== null) element.textContent = text;
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  }

  function decoded(text, width) {
    const found = [];
    for (let at = 0; at < text.length; at += width) found.push(parseInt(text.slice(at, at + width), 36));
    return found;
  }

  const upper = (text) => text.slice(0, 1).toUpperCase() + text.slice(1);
  const labelOf = (model) => (data.models.find((each) => each.name === model) || { label: model }).label;
  const isShown = (model) => !model || !state.off.has(model);
  const share = (value) => (value >= 0.9995 && value < 1 ? "nearly 1" : value.toFixed(3));

  // The lengths of a task: of its curve, so that the slider works without samples too.
  function lengthsOf(task) {
    const all = new Set(Object.keys((data.samples[task] || { lengths: {} }).lengths).map(Number));
    if (!all.size) {
      for (const chart of Object.values(data.charts))
        if (chart.task === task && chart.x.column === "length")
          for (const line of chart.lines) for (const row of line.rows) all.add(row[1]);
    }
    return [...all].sort((one, other) => one - other);
  }

  // Runs such as "8 to 11, 13", for those who do not see the letters.
  function spans(places) {
    const parts = [];
    for (let at = 0; at < places.length; at++) {
      const start = places[at];
      while (places[at + 1] === places[at] + 1) at++;
      if (places[at] === start) parts.push(`${start}`);
      else parts.push(places[at] === start + 1 ? `${start}, ${places[at]}` : `${start} to ${places[at]}`);
    }
    return parts.join(", ");
  }

  // One sequence.
  function letters(ids, largest, target) {
    const row = make("p", null, { class: "letters" });
    ids.forEach((id, place) => {
      const wrong = target !== undefined && id !== target[place];
      const text = id < 0 ? "·" : largest < LETTERS.length ? LETTERS[id] : String(id);
      row.append(make(wrong ? "b" : "i", text));
    });
    return row;
  }

  function showSequence() {
    const root = document.getElementById("sequence");
    const of = data.samples[state.task];
    if (!root || !of) return;
    const one = of.lengths[state.length];
    const isHidden = document.getElementById("predict").checked && !state.revealed;
    const guesses = new Map($$(".guess", root).map((each) => [each.dataset.model, each.value]));
    const box = make("div", null, of.largest < LETTERS.length ? {} : { class: "numbers" });
    box.append(make("h3", `${upper(data.tasks[state.task])}, length ${state.length}`));
    const target = decoded(one.target, of.width);
    for (const [name, ids] of [["source", decoded(one.source, of.width)], ["right answer", target]]) {
      const block = make("div", null, { class: "answer" });
      block.append(make("h4", name), letters(ids, of.largest));
      box.append(block);
    }
    const said = [];
    for (const { name, label } of data.models) {
      if (one.answers[name] === undefined || !isShown(name)) continue;
      const block = make("div", null, { class: "answer", "data-model": name });
      block.append(make("h4", label));
      const ids = decoded(one.answers[name], of.width);
      while (ids.length < target.length) ids.push(-1);
      if (isHidden) {
        const guess = make("label", "Right, you say: ", { class: "score" });
        const input = make("input", null, { type: "number", min: 0, max: target.length, class: "guess", "data-model": name, "aria-label": `How many of ${target.length} items does ${label} get right?` });
        input.value = guesses.get(name) || "";
        guess.append(input, ` of ${target.length}`);
        const row = make("p", null, { class: "letters", role: "img", "aria-label": "hidden" });
        for (let place = 0; place < target.length; place++) row.append(make("i", "?", { class: "hidden" }));
        block.append(guess, row);
      } else {
        const row = letters(ids, of.largest, target);
        const wrong = ids.map((id, place) => (id !== target[place] ? place + 1 : 0)).filter(Boolean);
        const score = `${ids.length - wrong.length} of ${ids.length} right`;
        const guess = guesses.get(name) ? `, you said ${guesses.get(name)}` : "";
        row.setAttribute("role", "img");
        row.setAttribute("aria-label", `${label}: ${score}.${wrong.length ? ` Wrong: items ${spans(wrong)}.` : ""}`);
        block.append(make("p", score + guess, { class: "score" }), row);
        said.push(`${label} ${score}${guess}`);
      }
      box.append(block);
    }
    root.replaceChildren(box);
    document.getElementById("reveal").hidden = !isHidden;
    document.getElementById("said").textContent = `Length ${state.length}. ${said.join(". ")}`;
  }

  // Charts.
  function placeOf(axis, value) {
    const scale = axis.log ? Math.log : (each) => each;
    const [low, high] = [scale(axis.low), scale(axis.high)];
    const at = scale(axis.log ? Math.max(value, axis.low) : value);
    return high > low ? Math.min(1, Math.max(0, (at - low) / (high - low))) : 0.5;
  }

  function pixel(chart, size, x, y) {
    const [left, right, top, bottom] = chart.sizes[size];
    return [left + placeOf(chart.x, x) * (right - left), bottom - placeOf(chart.y, y) * (bottom - top)];
  }

  function meansOf(line) {
    const by = new Map();
    for (const row of line.rows) if (row[2] !== null) by.set(row[1], [...(by.get(row[1]) || []), row]);
    return [...by].sort((one, other) => one[0] - other[0]).map(([x, rows]) => ({
      x, rows, y: rows.reduce((sum, row) => sum + row[2], 0) / rows.length,
    }));
  }

  function pointsOf(chart) {
    chart.points ??= chart.lines.map((line, number) => meansOf(line).map((mean) => ({ ...mean, line, number }))).flat();
    return chart.points.filter((point) => isShown(point.line.model));
  }

  function tell(svg, point) {
    const chart = data.charts[svg.dataset.chart];
    const [x, y] = pixel(chart, svg.dataset.size, point.x, point.y);
    const ring = $(".ring", svg);
    ring.setAttribute("cx", x);
    ring.setAttribute("cy", y);
    svg.told = point;
    const digits = chart.y.high > 1 ? (value) => value.toFixed(1) : share;
    const seeds = point.rows.map((row) => `${row[0]}: ${digits(row[2])} (row ${row[3]})`);
    const [start, rest] = seeds.length > 1 ? ["mean of seeds", seeds.join(", ")] : ["seed", seeds[0]];
    const out = $(`[data-readout="${svg.dataset.chart}"]`);
    out.replaceChildren(make("strong", `${point.line.label}, ${chart.x.column === "length" ? "length" : chart.x.label} ${point.x}: ${digits(point.y)}`), ` ${start} ${rest}`);
  }

  for (const svg of $$("svg.chart")) {
    const chart = data.charts[svg.dataset.chart];
    svg.setAttribute("tabindex", "0");
    svg.setAttribute("role", "application");
    svg.setAttribute("aria-roledescription", "chart; arrow keys walk along its lines");
    svg.addEventListener("pointermove", (event) => {
      const box = svg.getBoundingClientRect();
      const scale = svg.viewBox.baseVal.width / box.width;
      const [x, y] = [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
      let [best, least] = [null, 60 * 60];
      for (const point of pointsOf(chart)) {
        const [px, py] = pixel(chart, svg.dataset.size, point.x, point.y);
        // Points behind others, such as published ones, only if they are clearly nearer.
        const distance = (px - x) ** 2 + (py - y) ** 2 + (point.line.look === "published" ? 30 : 0);
        if (distance < least) [best, least] = [point, distance];
      }
      if (best && best !== svg.told) tell(svg, best);
    });
    $(`[data-readout="${svg.dataset.chart}"]`).textContent = "Point at a line for its value, seeds and row. With the keyboard: focus the chart, then the arrow keys.";
    svg.addEventListener("focus", () => {
      const points = pointsOf(chart);
      if (!svg.told || !points.includes(svg.told))
        svg.told = points.find((point) => point.x === state.length && point.line.look !== "published") || points[0];
      if (svg.told) tell(svg, svg.told);
    });
    svg.addEventListener("keydown", (event) => {
      const step = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
      if (!step || !svg.told) return;
      event.preventDefault();
      const points = pointsOf(chart);
      let next;
      if (step[1]) {
        const own = points.filter((point) => point.number === svg.told.number);
        next = own[own.indexOf(svg.told) + step[1]];
      } else {
        // Up is the line above at this place, whatever its number.
        const here = points.filter((point) => point.x === svg.told.x).sort((one, other) => other.y - one.y);
        next = here[here.indexOf(svg.told) + step[0]];
      }
      if (next) tell(svg, next);
    });
  }

  function moveCursors() {
    if (state.length === null) return;
    for (const svg of $$("svg.chart")) {
      const cursor = $(".cursor", svg);
      if (!cursor) continue;
      const chart = data.charts[svg.dataset.chart];
      cursor.setAttribute("transform", `translate(${pixel(chart, svg.dataset.size, state.length, 0)[0]},0)`);
      cursor.style.display = "inline";
    }
    for (const svg of $$("svg.map[data-map]")) {
      const { lengths } = data.positions[svg.dataset.map];
      const at = lengths.indexOf(state.length);
      const y = at < 0 ? -999 : 6 + (188 * (lengths.length - 1 - at)) / lengths.length;
      $(".band-now", svg).setAttribute("transform", `translate(0,${y})`);
    }
  }

  // Places in the answer.
  const placeReadout = document.getElementById("map-readout");
  if (placeReadout) placeReadout.textContent = "Point at a place for its value. The frame is the length of the slider.";
  for (const svg of $$("svg.map[data-map]")) {
    const map = data.positions[svg.dataset.map];
    const tellPlace = (length, item) => {
      const means = map.means[length];
      if (!means || item < 1 || item > length * (means.length / 2 / length)) return;
      const value = parseInt(means.slice(2 * item - 2, 2 * item), 36) / 1000;
      svg.told = [length, item];
      placeReadout.textContent = `${labelOf(map.model)}, length ${length}, place ${item}: ${value.toFixed(3)} right, mean of the seeds`;
    };
    svg.setAttribute("tabindex", "0");
    svg.setAttribute("role", "application");
    svg.setAttribute("aria-roledescription", "map; arrow keys walk over places and lengths");
    svg.addEventListener("pointermove", (event) => {
      const box = svg.getBoundingClientRect();
      const scale = svg.viewBox.baseVal.width / box.width;
      const item = Math.ceil((((event.clientX - box.left) * scale - 44) / 308) * map.items);
      const row = Math.floor((((event.clientY - box.top) * scale - 6) / 188) * map.lengths.length);
      tellPlace(map.lengths[map.lengths.length - 1 - row], item);
    });
    svg.addEventListener("focus", () => tellPlace(...(svg.told || [state.length, 1])));
    svg.addEventListener("keydown", (event) => {
      const step = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowUp: [1, 0], ArrowDown: [-1, 0] }[event.key];
      if (!step || !svg.told) return;
      event.preventDefault();
      const length = map.lengths[map.lengths.indexOf(svg.told[0]) + step[0]];
      tellPlace(length, svg.told[1] + step[1]);
    });
  }

  // Where attention looks.
  for (const root of $$("[data-weights]")) {
    const found = data.weights[root.dataset.weights];
    const source = make("div", null, { class: "row" });
    found.source.forEach((item) => source.append(make("span", item)));
    const answer = make("div", null, { class: "row", role: "toolbar", "aria-label": "items of the answer" });
    const out = make("p", "Choose an item of the answer.", { class: "readout", role: "status", "aria-live": "polite" });
    const buttons = found.target.map((item, place) => make("button", item, { type: "button", tabindex: place ? -1 : 0, "aria-label": `item ${place + 1} of the answer: ${item}` }));
    const light = (place) => {
      const weights = decoded(found.weights[place], 2).map((each) => each / 1000);
      [...source.children].forEach((each, at) => {
        const weight = weights[at];
        each.style.background = weight >= 0.02 ? `color-mix(in srgb, var(--mark) ${Math.round(100 * weight)}%, var(--bg))` : "";
        each.classList.toggle("lit", weight >= 0.5);
        each.title = `weight ${weight.toFixed(3)}`;
      });
      buttons.forEach((each, at) => {
        each.classList.toggle("now", at === place);
        each.tabIndex = at === place ? 0 : -1;
      });
      const largest = weights.map((weight, at) => [weight, at]).sort((one, other) => other[0] - one[0]).slice(0, 3);
      out.textContent = `Item ${place + 1} of the answer, ${found.target[place]}, looks at ${largest
        .filter(([weight], rank) => rank === 0 || weight >= 0.02)
        .map(([weight, at]) => `source item ${at + 1}, ${found.source[at]} (${weight.toFixed(2)})`)
        .join(", ")}.`;
    };
    buttons.forEach((button, place) => {
      button.addEventListener("pointerenter", () => light(place));
      button.addEventListener("focus", () => light(place));
      button.addEventListener("keydown", (event) => {
        const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
        if (!step || !buttons[place + step]) return;
        event.preventDefault();
        buttons[place + step].focus();
      });
      answer.append(button);
    });
    root.append(make("h4", "source"), source, make("h4", "answer"), answer, out);
    light(0);
  }

  // Take it with you.
  function save(name, content, type) {
    const link = make("a", null, { download: name, href: URL.createObjectURL(new Blob([content], { type })) });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  const cell = (value) => {
    const text = value === null || value === undefined ? "" : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const csv = (rows) => rows.map((row) => row.map(cell).join(",")).join("\n") + "\n";

  function chartCsv(chart) {
    const names = [...new Set(chart.lines.flatMap((line) => Object.keys(line.constants)))];
    const rows = [[...names, "seed", chart.x.column, chart.y.column, "record_id"]];
    for (const line of chart.lines)
      for (const row of line.rows) rows.push([...names.map((name) => line.constants[name]), ...row]);
    return csv(rows);
  }

  function mapCsv(map) {
    const rows = [["task", "model", "length", "output_item", "token_accuracy"]];
    for (const [length, means] of Object.entries(map.means))
      decoded(means, 2).forEach((value, place) => rows.push([map.task, map.model, length, place + 1, value / 1000]));
    return csv(rows);
  }

  function weightsCsv(found) {
    const rows = [["task", "model", "length", "seed", "output_item", "target", "source_item", "source", "weight"]];
    found.weights.forEach((text, output) => decoded(text, 2).forEach((value, place) =>
      rows.push([found.task, found.model, found.length, found.seed, output + 1, found.target[output], place + 1, found.source[place], value / 1000])));
    return csv(rows);
  }

  // Drawn as in light mode, with every colour written out: other programs know no variables.
  function standalone(svg) {
    const copy = svg.cloneNode(true);
    for (const each of $$(".cursor,.ring,.band-now,.off", copy)) each.remove();
    const [, , width, height] = svg.getAttribute("viewBox").split(" ").map(Number);
    const wide = (height * 16) / 9;
    const style = document.getElementById("chart-style").textContent
      .replace(/var\(--([\w-]+)\)/g, (_, name) => data.light[name]);
    const text = document.createElementNS(SVG, "style");
    text.textContent = style;
    const ground = document.createElementNS(SVG, "rect");
    const left = Math.min(0, (width - wide) / 2);
    for (const [name, value] of Object.entries({ x: left, y: 0, width: Math.max(width, wide), height, fill: data.light.bg })) ground.setAttribute(name, value);
    copy.prepend(text, ground);
    copy.setAttribute("xmlns", SVG);
    copy.setAttribute("viewBox", `${left} 0 ${Math.max(width, wide)} ${height}`);
    copy.setAttribute("width", 1920);
    copy.setAttribute("height", 1080);
    for (const name of ["tabindex", "aria-roledescription", "data-chart", "data-size"]) copy.removeAttribute(name);
    return new XMLSerializer().serializeToString(copy);
  }

  async function png(svg) {
    const image = new Image();
    image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(standalone(svg))}`;
    await image.decode();
    const canvas = make("canvas", null, { width: 1920, height: 1080 });
    canvas.getContext("2d").drawImage(image, 0, 0, 1920, 1080);
    return new Promise((done) => canvas.toBlob(done, "image/png"));
  }

  function addButtons(root, svg, name, rows) {
    const add = (text, act) => {
      const button = make("button", text, { type: "button", "aria-label": `${text} of ${name}` });
      button.addEventListener("click", act);
      root.append(button);
    };
    add("SVG", () => save(`${name}.svg`, standalone(svg), "image/svg+xml"));
    add("PNG", async () => save(`${name}.png`, await png(svg), "image/png"));
    add("CSV", () => save(`${name}.csv`, rows(), "text/csv"));
  }

  for (const root of $$("[data-take]")) {
    const chart = data.charts[root.dataset.take];
    addButtons(root, $(`svg.wide[data-chart="${root.dataset.take}"]`), root.dataset.take, () => chartCsv(chart));
  }
  for (const root of $$("[data-take-map]"))
    addButtons(root, $("svg.map", root.parentElement), `places-${root.dataset.takeMap}`, () => mapCsv(data.positions[root.dataset.takeMap]));
  for (const root of $$("[data-take-weights]"))
    addButtons(root, $("svg.map", root.parentElement), `weights-${root.dataset.takeWeights}`, () => weightsCsv(data.weights[root.dataset.takeWeights]));
  document.getElementById("cite").addEventListener("click", async () => {
    const text = document.getElementById("citation");
    try {
      await navigator.clipboard.writeText(text.textContent);
      document.getElementById("cited").textContent = "Copied.";
    } catch {
      getSelection().selectAllChildren(text);
      document.getElementById("cited").textContent = "Selected: copy it with the keyboard.";
    }
  });

  // What is shown.
  function update() {
    for (const each of $$("[data-task]")) each.classList.toggle("hidden-part", each.dataset.task !== state.task);
    for (const each of $$("[data-model]")) {
      const isOff = state.off.has(each.dataset.model);
      if (each.closest("svg")) each.classList.toggle("off", isOff);
      else if (each.dataset.task === undefined) each.classList.toggle("hidden-part", isOff);
      else each.classList.toggle("hidden-part", isOff || each.dataset.task !== state.task);
    }
    document.getElementById("length-shown").textContent = state.length ?? "–";
    slider.setAttribute("aria-valuetext", `length ${state.length}`);
    showSequence();
    moveCursors();
  }

  function chooseTask(task) {
    const before = state.length;
    state.task = task;
    const lengths = lengthsOf(task);
    slider.max = Math.max(0, lengths.length - 1);
    const wanted = before !== null && lengths.includes(before) ? before : data.first[task] || lengths[0];
    slider.value = Math.max(0, lengths.indexOf(wanted));
    state.length = lengths[slider.value] ?? null;
    state.revealed = false;
    update();
  }

  slider.addEventListener("input", () => {
    state.length = lengthsOf(state.task)[slider.value];
    state.revealed = false;
    update();
  });
  for (const each of $$('input[name="task"]')) each.addEventListener("change", () => chooseTask(each.value));
  for (const each of $$('input[name="model"]'))
    each.addEventListener("change", () => {
      if (each.checked) state.off.delete(each.value);
      else state.off.add(each.value);
      update();
    });
  for (const each of $$('input[name="information"]'))
    each.addEventListener("change", () => showSwitch(each.value));
  function showSwitch(name) {
    for (const each of $$("[data-switch]")) each.classList.toggle("hidden-part", each.dataset.switch !== name);
  }
  const first = $('input[name="information"]');
  if (first) showSwitch(($('input[name="information"]:checked') || first).value);
  if (document.getElementById("predict")) {
    document.getElementById("predict").addEventListener("change", () => {
      state.revealed = false;
      showSequence();
    });
    document.getElementById("reveal").addEventListener("click", () => {
      state.revealed = true;
      showSequence();
    });
  }
  // A browser may restore what was checked before a page was loaded again.
  state.off = new Set($$('input[name="model"]:not(:checked)').map((each) => each.value));
  chooseTask(($('input[name="task"]:checked') || { value: state.task }).value);
  const watched = document.getElementById("controls");
  new IntersectionObserver(([entry]) => document.documentElement.classList.toggle("stuck", entry.intersectionRatio < 1 && entry.boundingClientRect.top <= 0), { rootMargin: "-1px 0px 0px 0px", threshold: [1] }).observe(watched);
})();
