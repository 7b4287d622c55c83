/* Names of classes are long words: on a narrow page they break between their parts. */
document.addEventListener("DOMContentLoaded", () => {
    const long = "h1, h2, .bd-sidebar-primary a, .page-toc a, .prev-next-area p, .sphx-glr-thumbcontainer :is(p, div)";
    const texts = [...document.querySelectorAll(long)].map((element) =>
        [...element.querySelectorAll("*"), element].flatMap((part) => [...part.childNodes]));
    for (const text of new Set(texts.flat().filter((node) => node.nodeType === Node.TEXT_NODE))) {
        const parts = text.data.split(/(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=_)(?=[a-z])/);
        if (parts.length > 1) {
            text.replaceWith(...parts.flatMap((part, number) => number ? [document.createElement("wbr"), part] : [part]));
        }
    }

    /* The pictures of examples have several plots: on a phone they keep a size at which their text is legible. */
    for (const picture of document.querySelectorAll("img.sphx-glr-single-img")) {
        const frame = document.createElement("div");
        frame.className = "picture";
        frame.tabIndex = 0;
        picture.replaceWith(frame);
        frame.append(picture);
    }
});
