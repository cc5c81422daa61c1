"use strict";
(() => {
	const every = () => document.body.dataset.refresh * 1000, patience = 20000;
	const hold = document.getElementById("hold"), lost = document.getElementById("lost");
	let held = false, since = 0;

	const boxes = () => [...document.querySelectorAll(".scroll")];

	// What was scrolled sideways, and had the focus, stays so.
	const replace = (next) => {
		const news = next.querySelectorAll("[data-live]"), at = boxes().map((box) => box.scrollLeft);
		const focus = boxes().indexOf(document.activeElement);
		document.querySelectorAll("[data-live]").forEach((old, i) => old.replaceWith(news[i]));
		boxes().forEach((box, i) => {
			box.scrollLeft = at[i] || 0;
			if (i === focus) box.focus({preventScroll: true});
		});
		document.title = next.title;
	};
	const miss = () => {
		since = since || performance.now();
		lost.textContent = "No answer for " + Math.ceil((performance.now() - since + every()) / 1000) +
		    " s. What stands below is from before.";
		lost.hidden = false;
	};
	const take = (next) => {
		if (!next || next.querySelectorAll("[data-live]").length !== 2) return miss();
		since = 0;
		lost.hidden = true;
		if (!held && getSelection().isCollapsed) replace(next);
	};
	const turn = () => {
		if (held || document.hidden) return void setTimeout(turn, every());
		const ask = new XMLHttpRequest();
		ask.open("GET", location.href);
		ask.responseType = "document";
		ask.timeout = patience;
		ask.onload = () => take(ask.response);
		ask.onerror = ask.ontimeout = miss;
		ask.onloadend = () => setTimeout(turn, every());
		ask.send();
	};
	hold.addEventListener("click", () => {
		held = !held;
		hold.textContent = held ? "Go on" : "Pause";
	});
	hold.hidden = false;
	setTimeout(turn, every());
})();
