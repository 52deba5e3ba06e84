// The queue: what is selected, and rows that change where they stand.
(() => {
  const find = (selector, inside = document) => inside.querySelector(selector);
  const all = (selector, inside = document) => [...inside.querySelectorAll(selector)];
  const on = (name, act, capture) => document.addEventListener(name, act, capture);

  // --- what is selected, by case: it outlives every swap, order and page
  const picked = new Map();
  let last = null;
  const rows = () => all("#cases > [data-case]");
  const dollars = (minor) => (minor / 100).toLocaleString("en-US", { style: "currency", currency: "USD" });
  const pick = (row, yes) => {
    if (yes) picked.set(row.dataset.case, Number(row.dataset.amount));
    else picked.delete(row.dataset.case);
  };
  const show = () => {
    const here = rows();
    for (const row of here) {
      const yes = picked.has(row.dataset.case);
      row.classList.toggle("sel", yes);
      find("[data-pick]", row).checked = yes;
    }
    const some = here.filter((row) => picked.has(row.dataset.case)).length, head = find("[data-pick-all]");
    if (head) {
      head.checked = some > 0 && some === here.length;
      head.indeterminate = some > 0 && some < here.length;
    }
    const bar = find("#picked");
    if (!bar) return;
    bar.hidden = !picked.size;
    find("[data-picked]", bar).textContent = `${picked.size} selected`;
    find("[data-worth]", bar).textContent = `${dollars([...picked.values()].reduce((sum, one) => sum + one, 0))} at risk`;
  };
  const pickTo = (row) => {
    const here = rows(), from = here.findIndex((one) => one.dataset.case === last), to = here.indexOf(row);
    for (const one of from < 0 ? [row] : here.slice(Math.min(from, to), Math.max(from, to) + 1)) pick(one, true);
  };
  const toggle = (row, asRange) => {
    if (asRange) pickTo(row);
    else pick(row, !picked.has(row.dataset.case));
    last = row.dataset.case;
    show();
  };
  const clear = () => { picked.clear(); last = null; show(); };
  on("click", (event) => {
    const { target } = event, row = target.closest("[data-case]");
    if (target.matches("[data-pick]")) toggle(row, event.shiftKey);
    else if (target.matches("[data-pick-all]")) { for (const one of rows()) pick(one, target.checked); show(); }
    else if (target.closest("[data-unpick]")) { clear(); find("#main").focus(); }
  });
  on("htmx:afterSettle", show);
  on("htmx:oobAfterSwap", show);

  // --- keys beside those of every page
  const current = () => document.activeElement.closest?.("[data-case]");
  on("keydown", (event) => {
    if (localStorage.shortcuts === "off" || event.ctrlKey || event.metaKey || event.altKey || find("dialog[open]")) return;
    if (event.target.closest?.("input:not([type=checkbox]), select, textarea, [contenteditable]")) return;
    if (event.key.toLowerCase() === "x" && current()) { event.preventDefault(); toggle(current(), event.shiftKey); }
    const act = !picked.size && find(`[data-key="${CSS.escape(event.key)}"]`);
    if (act) {
      event.preventDefault();
      if (act.matches("summary")) {
        act.parentElement.open = true;
        find("select, textarea, input:not([type=hidden])", act.parentElement)?.focus();
      } else act.click();
    }
    if (event.key === "Escape" && picked.size && !find("details[name=menu][open]")) clear();
  });

  // --- rows as they are now: each in its place, but for the one that is selected or has the focus
  const isHeld = (row) => picked.has(row.dataset.case) || row.contains(document.activeElement);
  const news = (text) => {
    const pill = find("#news");
    if (pill) { pill.hidden = !text; pill.textContent = text || ""; }
  };
  const merge = (text) => {
    const told = document.createElement("template");
    told.innerHTML = text;
    for (const next of all("[data-case]", told.content)) {
      const row = find(`#${next.id}`);
      if (!row || isHeld(row) || row.innerHTML === next.innerHTML) continue;
      row.innerHTML = next.innerHTML;
      row.dataset.amount = next.dataset.amount;
      row.className = next.className;
    }
    const storms = find("#storms"), gust = find("#storms", told.content);
    if (storms && gust && !storms.contains(document.activeElement)) storms.innerHTML = gust.innerHTML;
    const sum = find("#qsum", told.content), shown = find("#qsum");
    if (sum && shown && !shown.contains(document.activeElement)) shown.innerHTML = sum.innerHTML;
    news(find("[data-news]", told.content)?.textContent);
    show();
  };
  on("htmx:configRequest", ({ detail }) => {
    if (detail.elt.id === "fresh") detail.parameters.ids = rows().map((row) => row.dataset.case).join("");
  });
  on("htmx:afterRequest", ({ detail }) => {
    if (detail.elt.id === "fresh" && detail.xhr.status === 200) merge(detail.xhr.responseText);
  });
  show();
})();
