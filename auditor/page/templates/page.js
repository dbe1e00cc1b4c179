"use strict";
// Draws the charts.  Without scripts the page has every figure in its tables all the same.
(async () => {
  const root = document.documentElement;
  const specs = JSON.parse(document.getElementById("charts").textContent);
  const options = {
    actions: false,
    ast: true, // expressions are interpreted: no eval, which the page's policy forbids
    defaultStyle: false,
    mode: "vega-lite",
    renderer: "svg",
    tooltip: { disableDefaultStyle: true },
  };
  const drawn = [];
  for (const [id, spec] of Object.entries(specs)) {
    const place = document.getElementById(id);
    place.parentElement.hidden = false;
    try {
      drawn.push(await vegaEmbed(place, spec, options));
    } catch (error) {
      place.parentElement.hidden = true;
      console.error(id, error);
    }
  }
  root.dataset.charts = `${drawn.length}`;
})();
