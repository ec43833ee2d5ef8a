// The page's colours: as the system says, or as chosen on this or an earlier visit. Loaded before the first paint.
{
  const KEY = "vivavoce-theme";
  const root = document.documentElement;
  const remembered = () => {
    try {
      return localStorage.getItem(KEY);
    } catch {
      return null; // No storage: the choice holds for this page.
    }
  };
  const show = () => {
    for (const choice of document.querySelectorAll("input[name=theme]")) choice.checked = choice.value === root.dataset.theme;
  };
  root.dataset.theme = remembered() ?? "system";
  addEventListener("DOMContentLoaded", show);
  // The browser part draws the switch anew.
  new MutationObserver(show).observe(root, { attributeFilter: ["data-hydrated"] });
  addEventListener("change", ({ target }) => {
    if (target.name !== "theme") return;
    root.dataset.theme = target.value;
    try {
      localStorage.setItem(KEY, target.value);
    } catch {
      // As above.
    }
  });
}
