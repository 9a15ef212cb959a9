"use strict";
// The table, the filters and the plots of sweep.html; all values enter the page as text.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const jobs = data.rows.map((row) => Object.fromEntries(data.names.map((name, i) => [name, row[i]])));
  jobs.forEach((job, place) => {
    job.place = place;
    job.times = job.parameter_count && job.lower_bound ? job.parameter_count / job.lower_bound : null;
  });
  const whole = (value) => value.toLocaleString("en-US");
  const short = (value) => (value >= 100 ? whole(Math.round(value)) : value.toPrecision(3));
  const COLUMNS = [
    ["job", "job"], ["status", "status"], ["verdict", "verdict"], ["construction", "construction"],
    ["dataset", "dataset"], ["N", "N", whole], ["d", "d", whole],
    ["ratio", "ρ", (value, job) => job.rho], ["regime", "regime"],
    ["parameter_count", "P", whole], ["times", "P / lower", short],
    ["first_hidden_width", "first width", whole],
    ["verified", "verified", (value) => `${(100 * value).toFixed(value < 1 && value > 0 ? 1 : 0)} %`],
    ["seconds", "seconds", (value) => value.toFixed(1)], ["run", "run"],
  ];
  const FILTERS = ["dataset", "regime", "verdict", "construction", "status"];
  const SHAPES = {
    VERIFIED: "circle", BOUNDED: "diamond", MEMORIZED: "square", FALSIFIED: "cross",
    UNKNOWN: "ring", PLANNED: "triangle", "": "ring",
  };
  const CLASSES = { VERIFIED: "verified", BOUNDED: "error-bound", FALSIFIED: "falsified" };
  const ROWS = 500, MARKS = 5000, BARS = 40;
  const form = document.getElementById("filters");
  const state = { key: "place", down: false, all: false };

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
  const distinct = (key) => [...new Set(jobs.map((job) => job[key]))].sort();
  const constructions = distinct("construction").filter(Boolean);
  const colour = (job) => `var(--k${Math.max(constructions.indexOf(job.construction), 0) % 8})`;

  // ---------------------------------------------------------------- filters
  const shown = () => {
    const wanted = FILTERS.map((key) => [key, form.elements[key].value]).filter(([, value]) => value);
    const text = form.elements.text.value.trim().toLowerCase();
    return jobs.filter((job) =>
      wanted.every(([key, value]) => (job[key] || "none") === value) &&
      (!text || `${job.job} ${job.run} ${job.reason}`.toLowerCase().includes(text)));
  };
  FILTERS.forEach((key) => {
    distinct(key).forEach((value) => {
      const number = jobs.filter((job) => job[key] === value).length;
      form.elements[key].append(element("option", `${value || "none"} (${number})`, { value: value || "none" }));
    });
  });

  // ------------------------------------------------------------------ table
  const head = document.querySelector("#jobs thead tr");
  const isText = (key) => typeof (jobs.find((job) => job[key] !== null) || {})[key] === "string";
  COLUMNS.forEach(([key, title]) => {
    const cell = element("th", undefined, { scope: "col", "data-key": key });
    if (isText(key)) cell.className = "text";
    const button = element("button", title, { type: "button" });
    button.addEventListener("click", () => {
      state.down = state.key === key && !state.down;
      state.key = key;
      show();
    });
    cell.append(button);
    head.append(cell);
  });
  const compare = (one, other) => {
    const a = one[state.key], b = other[state.key];
    // What is unknown comes last in either order.
    if (a === null || b === null) return (a === null) - (b === null) || one.place - other.place;
    const order = typeof a === "string" ? a.localeCompare(b, "en", { numeric: true }) : a - b;
    return (state.down ? -order : order) || one.place - other.place;
  };
  const tableRow = (job) => {
    const row = element("tr");
    COLUMNS.forEach(([key, , format]) => {
      const value = job[key];
      const known = value !== null && value !== "";
      const cell = element("td", !known ? "–" : format ? format(value, job) : value);
      if (isText(key)) cell.className = "text";
      if (key === "job" && job.reason) cell.append(element("div", job.reason, { class: "reason small" }));
      if (key === "verdict" && known) {
        cell.textContent = "";
        cell.append(element("span", value, { class: `verdict ${CLASSES[value] || ""}` }));
      }
      if (key === "run" && known) {
        cell.textContent = "";
        cell.append(element("code", value));
      }
      row.append(cell);
    });
    row.addEventListener("mouseenter", () => heat(job, true));
    row.addEventListener("mouseleave", () => heat(job, false));
    return row;
  };
  const heat = (job, hot) => {
    const mark = document.querySelector(`#sizes [data-place="${job.place}"]`);
    if (mark) mark.classList.toggle("hot", hot);
  };
  const table = (chosen) => {
    head.querySelectorAll("th").forEach((cell) => {
      if (cell.dataset.key !== state.key) cell.removeAttribute("aria-sort");
      else cell.setAttribute("aria-sort", state.down ? "descending" : "ascending");
    });
    const rows = [...chosen].sort(compare).slice(0, state.all ? chosen.length : ROWS);
    document.querySelector("#jobs tbody").replaceChildren(...rows.map(tableRow));
    const cut = rows.length < chosen.length;
    document.querySelector("#jobs caption").textContent =
      `One row a job. ${cut ? `The first ${rows.length} of ${whole(chosen.length)}. ` : ""}Titles sort.`;
    const more = document.getElementById("more");
    more.hidden = !cut;
    more.textContent = `List all ${whole(chosen.length)}`;
  };

  // ------------------------------------------------------------------ plots
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
    made.setAttribute("style", `stroke:${stroke};${made.classList.contains("hollow") ? "" : `fill:${stroke}`}`);
    return made;
  };
  const span = (values) => {
    const low = Math.log10(Math.min(...values)), high = Math.log10(Math.max(...values));
    const room = Math.max(0.06 * (high - low), 0.05);
    return [low - room, high + room];
  };
  const ticks = ([low, high]) => {
    const steps = high - low < 0.7 ? [1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9] : high - low < 3 ? [1, 2, 5] : [1];
    const skip = Math.ceil((high - low) / 9);
    const found = [];
    for (let power = Math.floor(low); power <= high; power += 1) {
      if (steps.length > 1 || power % skip === 0) steps.forEach((step) => found.push(step * 10 ** power));
    }
    return found.filter((value) => Math.log10(value) >= low && Math.log10(value) <= high);
  };
  const label = (value) => {
    if (value >= 1e6 || value < 1e-3) return value.toExponential(0).replace("e+", "e");
    return value >= 1 ? whole(value) : String(Number(value.toPrecision(2)));
  };
  const nothing = (place, text) => place.replaceChildren(element("p", text, { class: "soft" }));

  const sizes = (chosen) => {
    const place = document.getElementById("sizes");
    const points = chosen.filter((job) => job.ratio > 0 && job.parameter_count > 0).slice(0, MARKS);
    if (!points.length) return nothing(place, "No job shown has a ratio and a parameter count.");
    const width = 640, height = 420, left = 78, right = 14, top = 12, bottom = 50;
    const across = span(points.map((job) => job.ratio));
    const bounds = points.map((job) => job.lower_bound).filter((bound) => bound > 0);
    const up = span([...points.map((job) => job.parameter_count), ...bounds]);
    const x = (value) => left + (width - left - right) * ((Math.log10(value) - across[0]) / (across[1] - across[0]));
    const y = (value) => height - bottom - (height - top - bottom) * ((Math.log10(value) - up[0]) / (up[1] - up[0]));
    const svg = drawn("svg", {
      viewBox: `0 0 ${width} ${height}`, role: "img",
      "aria-label": `P against rho of ${points.length} jobs, logarithmic axes; the table below has the numbers`,
    });
    ticks(across).forEach((value) => svg.append(
      drawn("path", { class: "grid", d: `M${x(value)} ${top}V${height - bottom}` }),
      drawn("text", { x: x(value), y: height - bottom + 18, "text-anchor": "middle" }, label(value))));
    ticks(up).forEach((value) => svg.append(
      drawn("path", { class: "grid", d: `M${left} ${y(value)}H${width - right}` }),
      drawn("text", { x: left - 8, y: y(value) + 4, "text-anchor": "end" }, label(value))));
    svg.append(
      drawn("path", { class: "axis", d: `M${left} ${top}V${height - bottom}H${width - right}` }),
      drawn("text", { x: (left + width) / 2, y: height - 10, "text-anchor": "middle" }, "robustness ratio ρ"),
      drawn("text", { transform: `translate(16 ${(height - bottom) / 2}) rotate(-90)`, "text-anchor": "middle" }, "parameters P"));
    points.filter((job) => job.lower_bound > 0).forEach((job) => svg.append(
      drawn("path", { class: "bound", d: `M${x(job.ratio) - 7} ${y(job.lower_bound)}h14` })));
    points.forEach((job) => {
      const made = mark(job.verdict, x(job.ratio), y(job.parameter_count), colour(job));
      made.dataset.place = job.place;
      const verdict = job.verdict || job.status;
      made.append(drawn("title", {}, `${job.job}\n${job.construction}, ρ = ${job.rho}, P = ${whole(job.parameter_count)}\n${verdict}`));
      svg.append(made);
    });
    place.replaceChildren(svg);
  };

  const bars = (chosen) => {
    const decided = chosen.filter((job) => job.verified !== null);
    if (decided.length <= BARS) return decided.map((job) => [job.job, job.verified, colour(job)]);
    const groups = new Map();
    decided.forEach((job) => {
      const key = `${job.construction}, ${job.dataset}`;
      groups.set(key, [...(groups.get(key) || []), job]);
    });
    return [...groups].slice(0, BARS).map(([key, members]) => [
      `${key} (mean of ${members.length})`,
      members.reduce((sum, job) => sum + job.verified, 0) / members.length,
      colour(members[0]),
    ]);
  };
  const shares = (chosen) => {
    const place = document.getElementById("shares");
    const lines = bars(chosen);
    if (!lines.length) return nothing(place, "No job shown has decided balls.");
    const width = 640, left = 270, right = 52, step = lines.length > 20 ? 17 : 22, top = 8;
    const height = top + step * lines.length + 44;
    const x = (share) => left + (width - left - right) * share;
    const svg = drawn("svg", {
      viewBox: `0 0 ${width} ${height}`, role: "img",
      "aria-label": `fraction of balls verified, ${lines.length} bars; the table below has the numbers`,
    });
    [0, 0.25, 0.5, 0.75, 1].forEach((share) => svg.append(
      drawn("path", { class: "grid", d: `M${x(share)} ${top}V${height - 40}` }),
      drawn("text", { x: x(share), y: height - 24, "text-anchor": "middle" }, String(share))));
    lines.forEach(([name, share, fill], i) => {
      const y = top + step * i, cut = name.length > 36 ? `${name.slice(0, 35)}…` : name;
      const text = drawn("text", { x: left - 8, y: y + step / 2 + 4, "text-anchor": "end" }, cut);
      text.append(drawn("title", {}, name));
      svg.append(text, drawn("rect", {
        class: "bar", x: left, y: y + 2, width: Math.max(x(share) - left, 0.5), height: step - 5, style: `fill:${fill}`,
      }), drawn("text", { x: x(share) + 6, y: y + step / 2 + 4 }, Number.isInteger(share) ? String(share) : share.toFixed(3)));
    });
    svg.append(drawn("text", { x: (left + width - right) / 2, y: height - 5, "text-anchor": "middle" }, "fraction of balls verified"));
    place.replaceChildren(svg);
  };
  const legend = () => {
    const place = document.getElementById("legend");
    const entry = (verdict, stroke, text) => {
      const line = element("li"), svg = drawn("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" });
      svg.append(mark(verdict, 8, 8, stroke));
      line.append(svg, text);
      return line;
    };
    place.replaceChildren(
      ...constructions.map((name) => entry("VERIFIED", colour({ construction: name }), name)),
      ...distinct("verdict").filter(Boolean).map((verdict) => entry(verdict, "var(--ink)", verdict)));
  };

  const show = () => {
    const chosen = shown();
    const number = `${whole(chosen.length)} of ${whole(jobs.length)} jobs shown`;
    document.getElementById("count").textContent = chosen.length ? `${number}.` : `${number}: none matches the filters.`;
    table(chosen);
    sizes(chosen);
    shares(chosen);
  };
  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  // The fields are empty only after the event.
  form.addEventListener("reset", () => setTimeout(show));
  document.getElementById("more").addEventListener("click", () => {
    state.all = true;
    show();
  });
  legend();
  show();
})();
