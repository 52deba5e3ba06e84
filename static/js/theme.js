// Runs before the first paint: a reader's choice wins, otherwise the system's scheme.
(() => {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => localStorage.theme || "";
  const show = () => {
    root.dataset.theme = chosen() || (system.matches ? "dark" : "light");
    for (const button of document.querySelectorAll("[data-theme-choice]")) {
      button.setAttribute("aria-pressed", button.dataset.themeChoice === chosen());
    }
  };
  root.classList.add("js");
  show();
  system.addEventListener("change", show);
  addEventListener("storage", show);
  document.addEventListener("DOMContentLoaded", show);
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-theme-choice]");
    if (!button) return;
    if (button.dataset.themeChoice) localStorage.theme = button.dataset.themeChoice;
    else delete localStorage.theme;
    show();
  });
})();
