"use strict";
// Elements, numbers and plots of the pages; all values enter them as text.
const plots = (() => {
  const whole = (value) => value.toLocaleString("en-US");
  const short = (value) => {
    if (value === 0) return "0";
    const size = Math.abs(value);
    if (size >= 1e9 || size < 1e-4) return value.toExponential(2);
    return size >= 100 ? whole(Math.round(value)) : value.toPrecision(3);
  };
  const element = (name, text, attributes = {}) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
    return made;
  };
  const drawn = (name, attributes, text) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const nothing = (place, text) => place.replaceChildren(element("p", text, { class: "soft" }));

  // ------------------------------------------------------------------ marks
  const SHAPES = {
    VERIFIED: "circle", BOUNDED: "diamond", MEMORIZED: "square", FALSIFIED: "cross",
    UNKNOWN: "ring", PLANNED: "triangle",
  };
  const MARK = {
    circle: (x, y) => drawn("circle", { cx: x, cy: y, r: 5 }),
    ring: (x, y) => drawn("circle", { cx: x, cy: y, r: 5, class: "hollow" }),
    square: (x, y) => drawn("rect", { x: x - 4.5, y: y - 4.5, width: 9, height: 9 }),
    diamond: (x, y) => drawn("path", { d: `M${x} ${y - 6}l6 6l-6 6l-6-6z` }),
    triangle: (x, y) => drawn("path", { d: `M${x} ${y - 6}l6 10.5h-12z`, class: "hollow" }),
    cross: (x, y) => drawn("path", { d: `M${x - 5} ${y - 5}l10 10m0-10l-10 10`, class: "hollow" }),
  };
  const mark = (verdict, x, y, stroke) => {
    const made = MARK[SHAPES[verdict] || "ring"](x, y);
    made.classList.add("mark");
    made.style.stroke = stroke;
    if (!made.classList.contains("hollow")) made.style.fill = stroke;
    return made;
  };

  // ------------------------------------------------------------------- axes
  const scaled = (log) => (log ? Math.log10 : (value) => value);
  const span = (values, log) => {
    const of = scaled(log);
    let low = Infinity, high = -Infinity;
    values.forEach((value) => {
      low = Math.min(low, of(value));
      high = Math.max(high, of(value));
    });
    const room = Math.max(0.05 * (high - low), log ? 0.05 : Math.abs(high) * 0.02 || 0.5);
    return [low - room, high + room];
  };
  const logTicks = ([low, high]) => {
    const steps = high - low < 0.7 ? [1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9] : high - low < 3 ? [1, 2, 5] : [1];
    const skip = Math.ceil((high - low) / 9);
    const found = [];
    for (let power = Math.floor(low); power <= high; power += 1) {
      if (steps.length > 1 || power % skip === 0) steps.forEach((step) => found.push(step * 10 ** power));
    }
    return found.filter((value) => Math.log10(value) >= low && Math.log10(value) <= high);
  };
  const evenTicks = ([low, high]) => {
    const rough = (high - low) / 6, power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].find((each) => each * power >= rough) * power;
    const found = [];
    for (let k = Math.ceil(low / step); k * step <= high; k += 1) found.push(k * step);
    return found;
  };
  const label = (value) => {
    if (value !== 0 && (Math.abs(value) >= 1e6 || Math.abs(value) < 1e-3)) return value.toExponential(0).replace("e+", "e");
    return Math.abs(value) >= 1 ? whole(Number(value.toPrecision(6))) : String(Number(value.toPrecision(2)));
  };

  // ------------------------------------------------------------------ hover
  const hover = (place, svg, points, say) => {
    const tip = element("div", undefined, { class: "tip", hidden: "" });
    const ring = drawn("circle", { r: 9, class: "hot", visibility: "hidden" });
    svg.append(ring);
    place.append(tip);
    const leave = () => {
      tip.hidden = true;
      ring.setAttribute("visibility", "hidden");
    };
    const point = (found) => {
      ring.setAttribute("cx", found.x);
      ring.setAttribute("cy", found.y);
      ring.setAttribute("visibility", "visible");
    };
    svg.addEventListener("pointermove", (event) => {
      const box = svg.getBoundingClientRect(), scale = svg.viewBox.baseVal.width / box.width;
      const x = (event.clientX - box.left) * scale, y = (event.clientY - box.top) * scale;
      const far = (each) => Math.hypot(each.x - x, each.y - y);
      let nearest = null;
      points.forEach((each) => {
        if (!nearest || far(each) < far(nearest)) nearest = each;
      });
      if (!nearest || far(nearest) > 16) return leave();
      point(nearest);
      const same = points.filter((each) => Math.hypot(each.x - nearest.x, each.y - nearest.y) < 2);
      const lines = say(nearest.row);
      if (same.length > 1) lines.push(`and ${whole(same.length - 1)} more here`);
      tip.replaceChildren(...lines.map((line) => element("div", line)));
      tip.hidden = false;
      const left = nearest.x / scale, right = box.width - left;
      tip.style.left = right > 260 ? `${left + 14}px` : "";
      tip.style.right = right > 260 ? "" : `${right + 14}px`;
      tip.style.top = `${Math.max(nearest.y / scale - 20, 0)}px`;
    });
    svg.addEventListener("pointerleave", leave);
    place.find = (row) => {
      const found = points.find((each) => each.row === row);
      if (found) point(found);
      else leave();
    };
  };

  // ------------------------------------------------------------------ plots
  const scatter = (place, plot, rows, page) => {
    const usable = (row, key, log) => row[key] !== null && (!log || row[key] > 0);
    const chosen = rows.filter((row) => usable(row, plot.x, plot.x_log) && usable(row, plot.y, plot.y_log));
    if (!chosen.length) return nothing(place, `Nothing to draw: none of the ${page.noun} shown has both numbers.`);
    const width = 640, height = 420, left = 88, right = 14, top = 12, bottom = 50;
    const bounded = plot.bound ? chosen.filter((row) => row[plot.bound] > 0) : [];
    const lines = plot.curves.flatMap((curve) => curve.points);
    const across = span([...chosen.map((row) => row[plot.x]), ...lines.map((each) => each[0])], plot.x_log);
    const up = span([...chosen.map((row) => row[plot.y]), ...bounded.map((row) => row[plot.bound]), ...lines.map((each) => each[1])], plot.y_log);
    const at = (range, log, from, to) => (value) => from + (to - from) * ((scaled(log)(value) - range[0]) / (range[1] - range[0]));
    const x = at(across, plot.x_log, left, width - right), y = at(up, plot.y_log, height - bottom, top);
    const svg = drawn("svg", {
      viewBox: `0 0 ${width} ${height}`, role: "img",
      "aria-label": `${plot.y_title} against ${plot.x_title}: ${chosen.length} ${page.noun}; the table has the numbers`,
    });
    (plot.x_log ? logTicks : evenTicks)(across).forEach((value) => svg.append(
      drawn("path", { class: "grid", d: `M${x(value)} ${top}V${height - bottom}` }),
      drawn("text", { x: x(value), y: height - bottom + 18, "text-anchor": "middle" }, label(value))));
    (plot.y_log ? logTicks : evenTicks)(up).forEach((value) => svg.append(
      drawn("path", { class: "grid", d: `M${left} ${y(value)}H${width - right}` }),
      drawn("text", { x: left - 8, y: y(value) + 4, "text-anchor": "end" }, label(value))));
    svg.append(
      drawn("path", { class: "axis", d: `M${left} ${top}V${height - bottom}H${width - right}` }),
      drawn("text", { x: (left + width) / 2, y: height - 10, "text-anchor": "middle" }, plot.x_title),
      drawn("text", { transform: `translate(14 ${(height - bottom) / 2}) rotate(-90)`, "text-anchor": "middle" }, plot.y_title));
    plot.curves.forEach((curve, i) => svg.append(drawn("path", {
      class: `curve c${i % 6}`, d: `M${curve.points.map(([a, b]) => `${x(a).toFixed(1)} ${y(b).toFixed(1)}`).join("L")}`,
    })));
    // One element, however many there are.
    const dashes = new Set(bounded.map((row) => `M${(x(row[plot.x]) - 7).toFixed(1)} ${y(row[plot.bound]).toFixed(1)}h14`));
    if (dashes.size) svg.append(drawn("path", { class: "bound", d: [...dashes].join("") }));
    const points = chosen.map((row) => ({ x: x(row[plot.x]), y: y(row[plot.y]), row }));
    points.forEach((each) => svg.append(mark(page.shape(each.row), each.x, each.y, page.colour(each.row))));
    place.replaceChildren(svg);
    hover(place, svg, points, page.say);
  };

  const BARS = 40;
  const groups = (rows, plot, page) => {
    const known = rows.filter((row) => row[plot.value] !== null);
    if (known.length <= BARS) return known.map((row) => [row[plot.label], row[plot.value], page.colour(row)]);
    const found = new Map();
    known.forEach((row) => {
      const key = plot.group.map((each) => row[each]).join(", ");
      found.set(key, [...(found.get(key) || []), row]);
    });
    return [...found].slice(0, BARS).map(([key, members]) => [
      `${key} (mean of ${whole(members.length)})`,
      members.reduce((sum, row) => sum + row[plot.value], 0) / members.length,
      page.colour(members[0]),
    ]);
  };
  const bars = (place, plot, rows, page) => {
    const lines = groups(rows, plot, page);
    if (!lines.length) return nothing(place, `Nothing to draw: none of the ${page.noun} shown has this number.`);
    const width = 640, left = 270, right = 52, step = lines.length > 20 ? 17 : 22, top = 8;
    const height = top + step * lines.length + 44;
    const x = (share) => left + (width - left - right) * share;
    const svg = drawn("svg", {
      viewBox: `0 0 ${width} ${height}`, role: "img",
      "aria-label": `${plot.title}: ${lines.length} bars; the table has the numbers`,
    });
    [0, 0.25, 0.5, 0.75, 1].forEach((share) => svg.append(
      drawn("path", { class: "grid", d: `M${x(share)} ${top}V${height - 40}` }),
      drawn("text", { x: x(share), y: height - 24, "text-anchor": "middle" }, String(share))));
    lines.forEach(([name, share, fill], i) => {
      const y = top + step * i, cut = name.length > 36 ? `${name.slice(0, 35)}…` : name;
      const text = drawn("text", { x: left - 8, y: y + step / 2 + 4, "text-anchor": "end" }, cut);
      text.append(drawn("title", {}, name));
      svg.append(text, drawn("rect", {
        class: "bar", x: left, y: y + 2, width: Math.max(x(share) - left, 0.5), height: step - 5, fill,
      }), drawn("text", { x: x(share) + 6, y: y + step / 2 + 4 }, Number.isInteger(share) ? String(share) : share.toFixed(3)));
    });
    svg.append(drawn("text", { x: (left + width - right) / 2, y: height - 5, "text-anchor": "middle" }, plot.title));
    place.replaceChildren(svg);
  };
  return { whole, short, element, drawn, mark, draw: { scatter, bars } };
})();
