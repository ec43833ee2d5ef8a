// The page's colours: as the system says, or as chosen on this or an earlier visit. Loaded before the first paint.
{
  const KEY = "vivavoce-theme";
  let theme = "system";
  try {
    theme = localStorage.getItem(KEY) ?? theme;
  } catch {
    // No storage: the system's colours.
  }
  document.documentElement.dataset.theme = theme;
  addEventListener("DOMContentLoaded", () => {
    for (const choice of document.querySelectorAll("input[name=theme]")) {
      choice.checked = choice.value === theme;
      choice.addEventListener("change", () => {
        document.documentElement.dataset.theme = choice.value;
        try {
          localStorage.setItem(KEY, choice.value);
        } catch {
          // It holds for this page.
        }
      });
    }
  });
}
