"use strict";
// Every page is whole without this script, which only spares reloading it: when something has happened, and every
// `data-refresh` seconds, it takes the page's main part from the server again.
(() => {
    const main = () => document.querySelector("main");
    const seconds = Number(main().dataset.refresh);
    if (!seconds) return;

    let newest = 0;
    const renew = async () => {
        const mine = ++newest;
        const answer = await fetch(location.href, { cache: "no-store" }).catch(() => null);
        if (!answer || !answer.ok || mine !== newest) return;
        const next = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
        if (!next || next.innerHTML === main().innerHTML) return;
        const focused = main().contains(document.activeElement) && document.activeElement.getAttribute("href");
        main().replaceWith(next);
        if (focused) [...next.querySelectorAll("a")].find((link) => link.getAttribute("href") === focused)?.focus();
    };

    new EventSource("/events").onmessage = renew;
    setInterval(() => document.hidden || renew(), 1000 * seconds);
    document.addEventListener("visibilitychange", () => document.hidden || renew());
})();
