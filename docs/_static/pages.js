/* Names of classes are long words: a name that is wider than its line breaks between its parts. */
document.addEventListener("DOMContentLoaded", () => {
    const places = "h1, h2, .bd-sidebar-primary a, .page-toc a, .prev-next-area p, .sphx-glr-thumbcontainer :is(p, div)";
    const joints = /(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=_)(?=[a-z])/;
    const breakable = (word) => {
        const parts = word.split(joints);
        if (parts.length === 1) { return word; }
        const name = document.createElement("span");
        name.className = "long-name";
        name.append(...parts.flatMap((part, number) => (number ? [document.createElement("wbr"), part] : [part])));
        return name;
    };
    const nodes = [...document.querySelectorAll(places)].flatMap((place) =>
        [place, ...place.querySelectorAll("*")].flatMap((element) => [...element.childNodes]));
    for (const text of new Set(nodes.filter((node) => node.nodeType === Node.TEXT_NODE && joints.test(node.data)))) {
        text.replaceWith(...text.data.split(/(\s+)/).map(breakable));
    }

    /* The pictures of examples have several plots: on a phone they keep a size at which their text is legible. */
    for (const picture of document.querySelectorAll("img.sphx-glr-single-img")) {
        const frame = document.createElement("div");
        frame.className = "picture";
        frame.tabIndex = 0;
        const measure = () => picture.style.setProperty("--natural", `${picture.naturalWidth}px`);
        if (picture.complete) { measure(); } else { picture.addEventListener("load", measure); }
        picture.replaceWith(frame);
        frame.append(picture);
    }
});
