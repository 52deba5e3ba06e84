// The queue: what is selected, and rows that change where they stand.
(() => {
  const find = (selector, inside = document) => inside.querySelector(selector);
  const all = (selector, inside = document) => [...inside.querySelectorAll(selector)];
  const on = (name, act, capture) => document.addEventListener(name, act, capture);

  // --- what is selected, by case: it outlives every swap, order and page
  const picked = new Map(), but = new Set();
  let last = null, asked = null;
  const everything = () => find("[data-all]")?.checked || false;
  const isPicked = ({ dataset }) => (everything() ? !but.has(dataset.case) : picked.has(dataset.case));
  const rows = () => all("#cases > [data-case]");
  const dollars = (minor) => (minor / 100).toLocaleString("en-US", { style: "currency", currency: "USD" });
  const pick = (row, yes) => {
    if (everything()) but[yes ? "delete" : "add"](row.dataset.case);
    else if (yes) picked.set(row.dataset.case, Number(row.dataset.amount));
    else picked.delete(row.dataset.case);
  };
  const any = () => picked.size > 0 || everything();
  const show = () => {
    const here = rows(), whole = find("[data-all]"), now = find("[name=asked]")?.value;
    // Everything is everything of what is on screen: another question begins anew.
    if (now !== asked && whole) { whole.checked = false; but.clear(); }
    asked = now;
    for (const row of here) {
      const yes = isPicked(row);
      row.classList.toggle("sel", yes);
      find("[data-pick]", row).checked = yes;
    }
    const some = here.filter(isPicked).length, head = find("[data-pick-all]");
    if (head) {
      head.checked = some > 0 && some === here.length;
      head.indeterminate = some > 0 && some < here.length;
    }
    const bar = find("#picked");
    if (!bar) return;
    bar.classList.toggle("on", any());
    find("[data-picked]", bar).textContent = everything() ? `Everything${but.size ? ` but ${but.size}` : ""}` : `${picked.size} selected`;
    find("[data-worth]", bar).textContent = everything() ? "" : `${dollars([...picked.values()].reduce((sum, one) => sum + one, 0))} at risk`;
  };
  const pickTo = (row) => {
    const here = rows(), from = here.findIndex((one) => one.dataset.case === last), to = here.indexOf(row);
    for (const one of from < 0 ? [row] : here.slice(Math.min(from, to), Math.max(from, to) + 1)) pick(one, true);
  };
  const toggle = (row, asRange) => {
    if (asRange) pickTo(row);
    else pick(row, !isPicked(row));
    last = row.dataset.case;
    show();
  };
  const clear = () => {
    picked.clear();
    but.clear();
    last = null;
    if (everything()) find("[data-all]").checked = false;
    show();
  };
  on("click", (event) => {
    const { target } = event, row = target.closest("[data-case]");
    if (target.matches("[data-pick]")) toggle(row, event.shiftKey);
    else if (target.matches("[data-pick-all]")) { for (const one of rows()) pick(one, target.checked); show(); }
    else if (target.matches("[data-all]")) { but.clear(); show(); }
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
    const act = find(`[data-${any() ? "bulk-" : ""}key="${CSS.escape(event.key)}"]`);
    if (act) {
      event.preventDefault();
      if (act.matches("summary")) {
        act.parentElement.open = true;
        find("select, textarea, input:not([type=hidden])", act.parentElement)?.focus();
      } else act.click();
    }
    if (event.key === "Escape" && any() && !find("details[name=menu][open]")) clear();
  });

  // --- rows as they are now: each in its place, but for the one that is selected or has the focus
  const isHeld = (row) => isPicked(row) || row.contains(document.activeElement);
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
    if (detail.elt.id === "picked") {
      detail.parameters.case = [...picked.keys()].join("");
      detail.parameters.but = [...but].join("");
    }
    if (detail.elt.id === "fresh") detail.parameters.ids = rows().map((row) => row.dataset.case).join("");
  });
  on("htmx:afterRequest", ({ detail }) => {
    // What was selected has been dealt with.
    if (/\/bulk\/[^/]+\/run\//.test(detail.pathInfo.requestPath) && detail.xhr.status === 200) clear();
    if (detail.elt.id === "fresh" && detail.xhr.status === 200) merge(detail.xhr.responseText);
  });

  // --- what would become of the selection, beside the page
  on("htmx:afterSwap", ({ detail: { target, requestConfig } }) => {
    const dialog = find("#dialog");
    if (target.id === "dialog-fill" && requestConfig.elt.id === "picked" && !dialog.open) dialog.showModal();
  });
  show();
})();
