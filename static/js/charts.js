// Charts: figures are made by the server with colours as names of CSS variables. Here they are fetched
// when they come near the viewport, drawn one per idle moment, and drawn again when their data, the
// colour scheme or their width changes. Plotly itself is loaded with the first of them.
(() => {
  const library = document.currentScript.dataset.library;
  const settings = { displayModeBar: false, showSendToCloud: false, displaylogo: false, responsive: true };
  const drawn = new WeakMap(); // the box of a chart -> its figure and version
  const asked = new WeakMap(); // the box of a chart -> the version its page came with
  const answers = new Map(); // an address -> the figures of all charts there, by name
  const waiting = new Set();
  const idle = window.requestIdleCallback || ((work) => setTimeout(work, 50));

  // --- colours: `var(--tl-...)` anywhere in a figure, as the scheme of the moment has it
  const resolve = (value, style) => {
    if (typeof value === "string") return value.replace(/var\((--[\w-]+)\)/g, (_, name) => style.getPropertyValue(name).trim());
    if (Array.isArray(value)) return value.map((one) => resolve(one, style));
    if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, resolve(one, style)]));
    return value;
  };

  let loading;
  const plotly = () => (loading ||= new Promise((done, failed) => {
    document.head.append(
      Object.assign(document.createElement("script"), { src: library, onload: () => done(window.Plotly), onerror: failed }),
    );
  }));

  // What is around a figure is swapped, the figure itself stays: the panel knows version and address.
  const panelOf = (box) => box.closest("[data-figure-version]")?.dataset || {};

  // Charts of a page share an address, and what one of them had is there for the next. What is asked
  // for while nobody touches anything must not count as somebody at work.
  const fetched = async (address) => {
    const answer = await fetch(address, { headers: { "X-Poll": "1" } });
    if (!answer.ok) throw new Error(`figures: ${answer.status}`);
    return answer.json();
  };
  const figuresAt = (address) => {
    if (!answers.has(address)) {
      answers.set(address, fetched(address));
      answers.get(address).catch(() => answers.delete(address));
    }
    return answers.get(address);
  };

  const paint = async (box) => {
    const { figure } = drawn.get(box);
    const { data, layout } = resolve(figure, getComputedStyle(document.documentElement));
    await (await plotly()).react(box, data, layout, settings);
  };

  const draw = async (box) => {
    try {
      drawn.set(box, (await figuresAt(panelOf(box).figures))[box.dataset.name]);
      await paint(box);
      box.dataset.drawn = drawn.get(box).version;
    } catch (error) {
      if (!drawn.has(box)) box.textContent = "The figure cannot be shown now; the table has its rows.";
    }
  };

  // --- one chart per idle moment
  let busy = false;
  const next = () => {
    if (busy || !waiting.size) return;
    busy = true;
    idle(async () => {
      const [box] = waiting;
      waiting.delete(box);
      if (box.isConnected) await draw(box);
      busy = false;
      next();
    });
  };
  const ask = (box) => { waiting.add(box); next(); };

  const near = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      near.unobserve(target);
      ask(target);
    }
  }, { rootMargin: "200px" });

  // --- a part of the page came, or came again: new boxes wait to be seen, drawn ones to be changed
  const look = () => {
    for (const box of document.querySelectorAll("[data-figure]")) {
      const { figureVersion: version, figures } = panelOf(box);
      if (asked.get(box) === version) continue;
      asked.set(box, version);
      answers.delete(figures);
      near.observe(box);
    }
  };
  look();
  document.body.addEventListener("htmx:afterSettle", look);

  new MutationObserver(() => {
    for (const box of document.querySelectorAll("[data-drawn]")) paint(box);
  }).observe(document.documentElement, { attributeFilter: ["data-theme"] });
})();
