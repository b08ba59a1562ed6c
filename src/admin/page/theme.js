// Light, dark, or as the system has it. Loaded before anything is drawn, so that the page does not flash.
(() => {
  const THEMES = ['auto', 'light', 'dark'];
  const root = document.documentElement;

  function kept() {
    try {
      return localStorage.getItem('limpet-theme') ?? 'auto';
    } catch {
      return 'auto';
    }
  }

  /** @param {string} theme */
  function set(theme) {
    root.dataset.theme = THEMES.includes(theme) ? theme : 'auto';
  }

  set(kept());
  document.addEventListener('DOMContentLoaded', () => {
    const button = document.getElementById('theme');
    if (button === null) return;
    const say = () => {
      button.textContent = `Theme: ${root.dataset.theme}`;
    };
    say();
    button.addEventListener('click', () => {
      const next = THEMES[(THEMES.indexOf(root.dataset.theme ?? 'auto') + 1) % THEMES.length] ?? 'auto';
      set(next);
      say();
      try {
        localStorage.setItem('limpet-theme', next);
      } catch {
        // Kept for this page alone, where nothing may be stored.
      }
      document.dispatchEvent(new Event('limpet-theme'));
    });
  });
})();
