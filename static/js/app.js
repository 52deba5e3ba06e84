// What htmx does not do by itself: polling that pauses, answers that may be "unchanged", focus and
// scroll that survive a swap, one polite announcer, and a bar when the server cannot be reached.
(() => {
  const body = document.body;
  let kept = null;

  const isPoll = (detail) => detail.elt.matches("[data-poll]") && !detail.requestConfig.triggeringEvent;

  // --- polling: not while nobody looks, and at once when somebody looks again
  body.addEventListener("htmx:beforeRequest", (event) => {
    if (document.hidden && isPoll(event.detail)) event.preventDefault();
  });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) htmx.trigger(body, "refresh");
  });

  // --- unchanged answers: 304 leaves the page alone (see responseHandling in base.html). What is on
  // screen knows its version: from the page it came with, then from the answer that replaced it.
  body.addEventListener("htmx:configRequest", ({ detail }) => {
    if (!detail.elt.matches("[data-poll]")) return;
    detail.headers["X-Poll"] = "1";
    const version = detail.elt.closest("[data-version]")?.dataset.version;
    if (version) detail.headers["If-None-Match"] = version;
  });
  body.addEventListener("htmx:afterSwap", ({ detail }) => {
    const etag = detail.xhr.getResponseHeader("ETag");
    const shown = document.getElementById(detail.requestConfig.elt.id);
    if (etag && shown?.matches("[data-poll]")) shown.dataset.version = etag;
  });

  // --- what somebody is marking or copying stays as it is until they let go
  const isMarked = (element) => {
    const marked = getSelection();
    return !marked.isCollapsed && marked.containsNode(element, true);
  };
  body.addEventListener("htmx:beforeSwap", ({ detail }) => {
    if (detail.requestConfig.elt.matches("[data-poll]") && isMarked(detail.target)) detail.shouldSwap = false;
  });

  // --- focus and scroll survive a swap: links are found again by where they lead
  const place = (element) =>
    element.id ? `#${CSS.escape(element.id)}` : element.matches("a[href]") ? `a[href="${CSS.escape(element.getAttribute("href"))}"]` : null;
  body.addEventListener("htmx:beforeSwap", ({ detail }) => {
    if (!detail.shouldSwap) return;
    const focused = document.activeElement;
    const inside = focused && detail.target.contains(focused);
    kept = {
      focus: inside ? place(focused) : null,
      scroll: [...document.querySelectorAll("[data-keep-scroll]")].map((e) => [e.dataset.keepScroll, e.scrollLeft, e.scrollTop]),
    };
  });
  body.addEventListener("htmx:afterSwap", ({ detail }) => {
    if (!kept) return;
    for (const [name, left, top] of kept.scroll) {
      const element = document.querySelector(`[data-keep-scroll="${name}"]`);
      if (element) element.scrollTo({ left, top, behavior: "instant" });
    }
    const again = kept.focus && document.querySelector(kept.focus);
    if (again) again.focus({ preventScroll: true });
    kept = null;
    announce(detail.requestConfig);
  });

  // --- one polite announcer: says the summary only when it differs from what was said
  const summary = () => document.querySelector("[data-summary]")?.dataset.summary || "";
  let said = summary();
  const announce = (request) => {
    const now = summary();
    if (now && (now !== said || request?.triggeringEvent?.isTrusted)) {
      document.getElementById("announcer").textContent = now;
    }
    said = now;
  };

  // --- the connection: the old figures stay, the bar says so
  const reachable = (yes) => { document.getElementById("offline").hidden = yes; };
  addEventListener("offline", () => reachable(false));
  addEventListener("online", () => htmx.trigger(body, "refresh"));
  for (const name of ["htmx:sendError", "htmx:timeout"]) body.addEventListener(name, () => reachable(false));
  body.addEventListener("htmx:afterRequest", ({ detail }) => {
    if (detail.xhr.status) reachable(detail.xhr.status < 500);
  });

  // --- copy what a button names
  document.addEventListener("click", async ({ target }) => {
    const button = target.closest("[data-copy]"), source = button && document.getElementById(button.dataset.copy);
    if (!source) return;
    try { await navigator.clipboard.writeText(source.value ?? source.textContent); button.textContent = "Copied"; }
    catch { source.focus(); source.select ? source.select() : getSelection().selectAllChildren(source); }
  });

  // --- arrow keys walk the heat table
  const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  document.addEventListener("keydown", (event) => {
    const step = steps[event.key];
    const cell = event.target.closest?.(".heat td");
    if (!step || !cell || event.altKey || event.ctrlKey || event.metaKey) return;
    const link = beyond(cell, step);
    if (link) { event.preventDefault(); link.focus(); }
  });
  const beyond = (cell, [down, right]) => {
    const rows = [...cell.closest("tbody").rows];
    let row = rows.indexOf(cell.parentElement) + down, column = cell.cellIndex + right;
    for (; rows[row]?.cells[column]; row += down, column += right) {
      const link = rows[row].cells[column].querySelector("a");
      if (link) return link;
    }
    return null;
  };
})();
