"use strict";
// Filters, legend and table of each explorer of a page, and the sorting of its other tables.
(() => {
  const { whole, short, element, drawn, mark, draw } = plots;
  const FORMATS = {
    whole, short,
    share: (value) => `${(100 * value).toFixed(value < 1 && value > 0 ? 1 : 0)} %`,
    seconds: (value) => value.toFixed(1),
  };
  const CLASSES = { VERIFIED: "verified", BOUNDED: "error-bound", FALSIFIED: "falsified" };
  const ROWS = 500, MORE = 1000, COLOURS = 12;

  const explore = (root) => {
    const data = JSON.parse(root.querySelector("script").textContent);
    const rows = data.rows.map((row) => Object.fromEntries(data.names.map((name, i) => [name, row[i]])));
    rows.forEach((row, place) => { row.place = place; });
    const form = root.querySelector("form");
    const state = { key: "place", down: false, most: ROWS };
    const known = (value) => value !== null && value !== "";
    const distinct = (key) => [...new Set(rows.map((row) => row[key]))]
      .sort((one, other) => String(one).localeCompare(String(other), "en", { numeric: true }));
    const colours = new Map(distinct(data.colour).filter(known).map((name, i) => [name, i % COLOURS]));
    const colour = (row) => `var(--k${colours.get(row[data.colour]) || 0})`;
    const written = (row, [key, , kind, shown]) => {
      const value = row[key];
      if (!known(value)) return "–";
      return shown ? row[shown] : FORMATS[kind] ? FORMATS[kind](value) : String(value);
    };
    const say = (row) => data.columns.filter(([key, , kind]) => known(row[key]) && kind !== "code")
      .map((column) => `${column[1]}: ${written(row, column)}`);
    const page = { noun: data.noun, colour, say, shape: (row) => row[data.shape] };

    // -------------------------------------------------------------- filters
    const keys = data.filters.filter((key) => {
      const values = distinct(key);
      form.elements[key].closest("label").hidden = values.length < 2;
      values.forEach((value) => {
        const number = rows.filter((row) => row[key] === value).length;
        const name = known(value) ? value : "none";
        form.elements[key].append(element("option", `${name} (${whole(number)})`, { value: name }));
      });
      return values.length > 1;
    });
    const texts = data.names.filter((name) => rows.some((row) => typeof row[name] === "string"));
    const chosen = () => {
      const wanted = keys.map((key) => [key, form.elements[key].value]).filter(([, value]) => value);
      const text = form.elements.text.value.trim().toLowerCase();
      return rows.filter((row) =>
        wanted.every(([key, value]) => (known(row[key]) ? String(row[key]) : "none") === value) &&
        (!text || texts.some((name) => (row[name] || "").toLowerCase().includes(text))));
    };

    // --------------------------------------------------------------- legend
    const entry = (key, value, verdict, stroke) => {
      const line = element("li"), svg = drawn("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" });
      svg.append(mark(verdict, 8, 8, stroke));
      const button = element(keys.includes(key) ? "button" : "span", undefined, { "data-key": key, "data-value": value });
      button.append(svg, value);
      button.addEventListener("click", () => {
        if (!keys.includes(key)) return;
        form.elements[key].value = form.elements[key].value === value ? "" : value;
        show();
      });
      line.append(button);
      return line;
    };
    const curve = (each, i) => {
      const line = element("li"), svg = drawn("svg", { viewBox: "0 0 26 16", "aria-hidden": "true", class: "wide" });
      svg.append(drawn("path", { class: `curve c${i % 6}`, d: "M1 8h24" }));
      line.append(svg, each.name);
      return line;
    };
    const verdicts = distinct(data.shape).filter(known);
    root.querySelector(".legend").append(
      ...[...colours.keys()].map((name) => entry(data.colour, name, "VERIFIED", `var(--k${colours.get(name)})`)),
      ...(data.shape === data.colour ? [] : verdicts.map((verdict) => entry(data.shape, verdict, verdict, "var(--ink)"))),
      ...data.plots.flatMap((plot) => plot.curves || []).map(curve));
    const legend = (shown) => root.querySelectorAll(".legend [data-key]").forEach((each) => {
      const { key, value } = each.dataset;
      each.classList.toggle("absent", !shown.some((row) => row[key] === value));
      if (each.tagName === "BUTTON") each.setAttribute("aria-pressed", form.elements[key].value === value);
    });

    // ---------------------------------------------------------------- table
    const head = root.querySelector("thead tr"), body = root.querySelector("tbody");
    const isText = ([key, , , shown]) => !shown && texts.includes(key);
    data.columns.forEach((column) => {
      const cell = element("th", undefined, { scope: "col", "data-key": column[0] });
      if (isText(column)) cell.className = "text";
      const button = element("button", column[1], { type: "button" });
      button.addEventListener("click", () => {
        state.down = state.key === column[0] && !state.down;
        state.key = column[0];
        show();
      });
      cell.append(button);
      head.append(cell);
    });
    const compare = (one, other) => {
      const a = one[state.key], b = other[state.key];
      // What is unknown comes last in either order.
      if (!known(a) || !known(b)) return !known(a) - !known(b) || one.place - other.place;
      const order = typeof a === "string" ? a.localeCompare(b, "en", { numeric: true }) : a - b;
      return (state.down ? -order : order) || one.place - other.place;
    };
    const cellOf = (row, column, first) => {
      const [key, , kind] = column;
      const cell = element("td"), text = written(row, column);
      if (isText(column)) cell.className = "text";
      if (kind === "verdict" && known(row[key])) cell.append(element("span", text, { class: `verdict ${CLASSES[text] || ""}` }));
      else if (kind === "code" && known(row[key])) cell.append(element("code", text));
      else cell.textContent = text;
      if (first && row[data.reason]) cell.append(element("div", row[data.reason], { class: "reason small" }));
      return cell;
    };
    const tableRow = (row) => {
      const line = element("tr");
      line.append(...data.columns.map((column, i) => cellOf(row, column, i === 0)));
      line.addEventListener("mouseenter", () => places.forEach((place) => place.find && place.find(row)));
      return line;
    };
    const table = (shown) => {
      head.querySelectorAll("th").forEach((cell) => {
        if (cell.dataset.key !== state.key) cell.removeAttribute("aria-sort");
        else cell.setAttribute("aria-sort", state.down ? "descending" : "ascending");
      });
      const listed = [...shown].sort(compare).slice(0, state.most);
      body.replaceChildren(...listed.map(tableRow));
      const left = shown.length - listed.length;
      root.querySelector("caption").textContent =
        `${left ? `The first ${whole(listed.length)} of ${whole(shown.length)}. ` : ""}Titles sort.`;
      const more = root.querySelector(".more");
      more.hidden = !left;
      more.textContent = `Show ${whole(Math.min(left, MORE))} more`;
    };

    const places = data.plots.map((plot) => document.getElementById(plot.name));
    const show = () => {
      const shown = chosen();
      const number = `${whole(shown.length)} of ${whole(rows.length)} ${data.noun} shown`;
      root.querySelector(".count").textContent = shown.length ? `${number}.` : `${number}: none matches the filters.`;
      table(shown);
      legend(shown);
      data.plots.forEach((plot, i) => {
        delete places[i].find;
        draw[plot.kind](places[i], plot, shown, page);
      });
    };
    form.addEventListener("input", show);
    form.addEventListener("submit", (event) => event.preventDefault());
    // The fields are empty only after the event.
    form.addEventListener("reset", () => setTimeout(show));
    root.querySelector(".more").addEventListener("click", () => {
      state.most += MORE;
      show();
    });
    form.hidden = rows.length < 2;
    root.hidden = false;
    show();
  };

  // -------------------------------------------------------- tables of the page
  const number = (text) => {
    const plain = text.replace(/,(?=\d{3})/g, "");
    const [, top, bottom] = plain.match(/^(\d+)\/(\d+)$/) || [];
    if (top) return top / bottom;
    // Of an interval its end.
    const last = (plain.match(/-?\d+(\.\d+)?(e[+-]?\d+)?/gi) || []).pop();
    return /^[-+\d.(<≤~]|^none to/.test(plain) && last !== undefined ? Number(last) : null;
  };
  const sortable = (table) => {
    const body = table.tBodies[0];
    const value = (line, i) => line.cells[i].textContent.trim();
    [...table.tHead.rows[0].cells].forEach((cell, i) => {
      const button = element("button", undefined, { type: "button" });
      button.append(...cell.childNodes);
      cell.append(button);
      button.addEventListener("click", () => {
        const down = cell.getAttribute("aria-sort") === "ascending";
        [...table.tHead.rows[0].cells].forEach((each) => each.removeAttribute("aria-sort"));
        cell.setAttribute("aria-sort", down ? "descending" : "ascending");
        const compare = (one, other) => {
          const a = value(one, i), b = value(other, i), x = number(a), y = number(b);
          // What is unknown comes last in either order.
          if (a === "-" || b === "-") return (a === "-") - (b === "-");
          const order = x !== null && y !== null ? x - y : a.localeCompare(b, "en", { numeric: true });
          return down ? -order : order;
        };
        body.replaceChildren(...[...body.rows].sort(compare));
      });
    });
  };
  document.querySelectorAll("table.sortable").forEach((table) => table.tBodies[0].rows.length > 1 && sortable(table));
  document.querySelectorAll(".explorer").forEach(explore);
})();
