// What htmx does not do; delegated, as what is swapped in needs no setting up.
(() => {
  const body = document.body;
  const find = (selector, inside = document) => inside.querySelector(selector);
  const all = (selector, inside = document) => [...inside.querySelectorAll(selector)];
  const withModifier = (event) => event.ctrlKey || event.metaKey || event.altKey;
  const on = (name, act, capture) => document.addEventListener(name, act, capture);
  let kept = null;

  const polls = (e) => e.matches('[data-poll], [hx-trigger*="every "]');
  const isPoll = (detail) => polls(detail.elt) && !detail.requestConfig.triggeringEvent;

  // --- polling, while somebody looks
  on("htmx:beforeRequest", (event) => {
    if (document.hidden && isPoll(event.detail)) event.preventDefault();
  });
  on("visibilitychange", () => {
    if (!document.hidden) htmx.trigger(body, "refresh");
  });

  // --- what is on screen knows its version
  on("htmx:configRequest", ({ detail }) => {
    if (!polls(detail.elt)) return;
    detail.headers["X-Poll"] = "1";
    const version = detail.elt.closest("[data-version]")?.dataset.version;
    if (version) detail.headers["If-None-Match"] = version;
  });
  on("htmx:afterSwap", ({ detail }) => {
    const etag = detail.xhr.getResponseHeader("ETag"), shown = document.getElementById(detail.requestConfig.elt.id);
    if (etag && shown?.matches("[data-poll]")) shown.dataset.version = etag;
  });

  // --- what is being marked stays
  const isMarked = (e) => !getSelection().isCollapsed && getSelection().containsNode(e, true);

  // --- what survives a swap
  // A figure is the same though the window and number at the end of its address have moved on.
  const place = (e) => {
    const href = e.getAttribute("href"), same = href?.replace(/((from|seen)=).*/, "$1");
    return e.id ? `#${CSS.escape(e.id)}` : href ? `a[href${same === href ? "" : "^"}="${CSS.escape(same)}"]` : null;
  };
  on("htmx:beforeSwap", ({ detail }) => {
    if (detail.requestConfig.elt.matches("[data-poll]") && isMarked(detail.target)) detail.shouldSwap = false;
    if (!detail.shouldSwap) return;
    const focused = document.activeElement, inside = detail.target.contains(focused);
    kept = {
      focus: inside ? place(focused) : null,
      open: all("details[id][open]", detail.target).map(({ id }) => id),
      scroll: all("[data-keep-scroll]").map((e) => [e.dataset.keepScroll, e.scrollLeft, e.scrollTop]),
    };
  });
  on("htmx:afterSwap", ({ detail }) => {
    if (!kept) return;
    for (const [name, left, top] of kept.scroll) {
      find(`[data-keep-scroll="${name}"]`)?.scrollTo({ left, top, behavior: "instant" });
    }
    for (const id of kept.open) find(`#${id}`)?.setAttribute("open", "");
    if (kept.focus) find(kept.focus)?.focus({ preventScroll: true });
    kept = null;
    announce(detail.requestConfig);
  });

  // --- what changed is said
  const say = (words) => { find("#announcer").textContent = words; };
  const summary = () => find("[data-summary]")?.dataset.summary || "";
  let said = summary();
  const announce = (request) => {
    const now = summary();
    if (now && (now !== said || request?.triggeringEvent?.isTrusted)) say(now);
    said = now;
  };

  // --- toasts
  const toast = (words, { css = "", retry = null } = {}) => {
    const shown = find("#toast").content.firstElementChild.cloneNode(true);
    if (css) shown.classList.add(css);
    find("p", shown).textContent = words;
    const again = find("[data-retry]", shown);
    again.hidden = !retry;
    again.addEventListener("click", () => { shown.remove(); retry(); });
    const toasts = find("#toasts");
    toasts.append(shown);
    while (toasts.children.length > 3) toasts.firstElementChild.remove();
    if (!css) setTimeout(() => shown.remove(), 8000);
    say(words);
  };
  on("toast", ({ detail }) => toast(detail.text, { css: detail.css }));
  const REFUSALS = {
    403: "Your role does not include this. Nothing was changed.",
    404: "This is not there any more. Nothing was changed.",
    409: "Somebody changed this meanwhile. Open it again.",
    429: "Too many requests. Wait a moment.",
  };
  const complain = (detail, words) => {
    if (isPoll(detail)) return;
    const { elt, verb, triggeringEvent } = detail.requestConfig, isDialog = elt.matches("dialog");
    if (isDialog) elt.close();
    // Only reading again is harmless.
    const again = () => (isDialog ? opener?.click() : htmx.trigger(elt, triggeringEvent?.type || "click"));
    toast(words, { css: "error", retry: verb === "get" ? again : null });
  };
  on("htmx:responseError", ({ detail }) =>
    complain(detail, REFUSALS[detail.xhr.status] || (detail.xhr.status < 500 ? "This was refused. Nothing was changed."
      : "Something broke on our side. What you see is as it was.")));

  // --- the connection
  const reachable = (yes) => { find("#offline").hidden = yes; };
  addEventListener("offline", () => reachable(false));
  addEventListener("online", () => htmx.trigger(body, "refresh"));
  for (const name of ["htmx:sendError", "htmx:timeout"]) on(name, ({ detail }) => {
    reachable(false);
    complain(detail, "Throughline cannot be reached. Nothing was changed.");
  });
  let heard = Date.now(), was = "live";
  on("htmx:afterRequest", ({ detail }) => {
    const { target, xhr: { status } } = detail;
    if (status) reachable(status < 500 || !isPoll(detail));
    if (/^2|304/.test(status) && target.matches("#board, #flow") && !isMarked(target)) heard = Date.now();
  });

  // --- live, and how old
  setInterval(() => {
    const sign = find("#live"), age = (Date.now() - heard) / 1000 | 0;
    if (!sign) return;
    const is = !find("#offline").hidden ? "offline" : age > 9 || isMarked(find("#board")) ? "paused" : "live";
    for (const one of all("[data-is]", sign)) one.hidden = one.dataset.is !== is;
    find(".num", sign).textContent = age > 2 ? `${age} s old` : "";
    if (is !== was) say(find(`[data-is=${is}]`, sign).textContent);
    was = is;
  }, 1000);

  // --- copy what a button names
  on("click", async ({ target }) => {
    const button = target.closest("[data-copy]"), source = button && find(`#${button.dataset.copy}`);
    if (!source) return;
    try { await navigator.clipboard.writeText(source.value ?? source.textContent); button.textContent = "Copied"; }
    catch { source.select ? source.select() : getSelection().selectAllChildren(source); }
  });

  // --- dialogs beside the page
  let opener = null;
  const open = (link) => {
    const dialog = find(`#${link.dataset.dialog}`), page = find("[data-page]", dialog);
    if (!dialog.open) opener = link.closest("details[name=menu]")?.firstElementChild || link;
    link.closest("details[name=menu]")?.removeAttribute("open");
    if (page) page.href = link.href;
    dialog.open || dialog.showModal();
    htmx.ajax("GET", link.href, { source: dialog, target: find(".fill", dialog), swap: "innerHTML" });
  };
  on("htmx:afterSwap", ({ detail: { target } }) => {
    const dialog = target.closest(".fill") === target && target.closest("dialog");
    if (!dialog) return;
    dialog.setAttribute("aria-label", find("h1, h2", target)?.textContent || "Details");
    find("[autofocus]", target)?.focus();
  });
  on("close", ({ target }) => {
    if (target.id !== "confirm") all(".fill", target).forEach((fill) => fill.replaceChildren());
    (opener?.isConnected ? opener : find(opener && place(opener) || "#none"))?.focus();
  }, true);
  on("click", (event) => {
    const link = event.target.closest("a[data-dialog]");
    if (link && !withModifier(event) && !event.shiftKey) { event.preventDefault(); open(link); }
    if (event.target.matches("dialog.drawer")) event.target.close();
    event.target.closest("[data-close]")?.closest(".toast").remove();
    for (const menu of all("details[name=menu][open]")) if (!menu.contains(event.target)) menu.open = false;
  });

  // --- a form with data-confirm asks first
  on("submit", (event) => {
    const { target: form, submitter } = event;
    if (!form.dataset.confirm || form.dataset.sure) { delete form.dataset.sure; return; }
    event.preventDefault();
    event.stopImmediatePropagation();
    const dialog = find("#confirm"), yes = find("[value=yes]", dialog);
    yes.textContent = form.dataset.confirmYes || submitter?.textContent || "Go on";
    find("h2", dialog).textContent = form.dataset.confirm;
    find("p", dialog).textContent = form.dataset.confirmText || "";
    dialog.returnValue = "";
    opener = document.activeElement;
    dialog.showModal();
    dialog.addEventListener("close", () => {
      if (dialog.returnValue === "yes") { form.dataset.sure = "yes"; form.requestSubmit(submitter); }
    }, { once: true });
  }, true);

  // --- arrow keys walk tables
  const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  on("keydown", (event) => {
    const step = steps[event.key], cell = event.target.closest?.(".heat td, .picks th");
    const link = step && cell && !withModifier(event) && beyond(cell, step);
    if (link) { event.preventDefault(); link.focus(); }
  });
  const beyond = (cell, [down, right]) => {
    const rows = [...cell.closest("tbody").rows];
    let row = rows.indexOf(cell.parentElement) + down, column = cell.cellIndex + right;
    for (; rows[row]?.cells[column]; row += down, column += right) {
      const link = find("a", rows[row].cells[column]);
      if (link) return link;
    }
    return null;
  };

  // --- keys
  const isOff = () => localStorage.shortcuts === "off";
  const rows = () => all("main .tbl tbody th a[href]");
  const move = (by) => {
    const links = rows(), at = links.findIndex((link) => link.closest("tr").contains(document.activeElement));
    links[at < 0 ? 0 : Math.min(Math.max(at + by, 0), links.length - 1)]?.focus();
  };
  const KEYS = {
    "/": () => find("[data-search]")?.focus(),
    "?": () => find("[data-keys]")?.click(),
    j: () => move(1),
    k: () => move(-1),
    o: () => document.activeElement.closest("a[href]")?.click(),
    u: () => all(".crumbs a").pop()?.click(),
  };
  let leads = false;
  on("keydown", (event) => {
    const { key, target } = event, menu = target.closest?.("details[name=menu][open]");
    if (key === "Escape" && menu) { menu.open = false; menu.firstElementChild.focus(); }
    if (isOff() || withModifier(event)) return;
    if (find("dialog[open]") || target.closest?.("input, select, textarea, [contenteditable]")) return;
    const act = leads ? () => find(`.side [data-go="${CSS.escape(key)}"]`)?.click() : KEYS[key];
    leads = key === "g" && !leads;
    if (act) { event.preventDefault(); act(); }
  });
  const switches = () => all("[data-shortcuts]").forEach((box) => { box.checked = !isOff(); });
  on("change", ({ target }) => {
    if (!target.matches("[data-shortcuts]")) return;
    localStorage.shortcuts = target.checked ? "on" : "off";
    switches();
  });
  switches();
  all("#toasts p").forEach((words) => say(words.textContent));
})();
