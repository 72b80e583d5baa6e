/**
 * Break JSON text into indented lines without touching its values.
 *
 * Works on the text, not on parsed values: what a partner sent is shown as it came, numbers with
 * more digits than a double holds and repeated names included. Text that is not JSON comes back
 * as it is.
 *
 * @param {string} text
 * @returns {string}
 */
export function indentJson(text) {
    if (!isJson(text)) {
        return text;
    }
    let depth = 0;
    const lineBreak = () => "\n" + "  ".repeat(depth);
    // Strings, runs of white space, and single characters: nothing else matters for the layout.
    const tokens = text.match(/"(?:[^"\\]|\\.)*"|\s+|[^"\s]/g) || [];
    const parts = tokens.filter((token) => token.trim());
    let out = "";
    parts.forEach((token, index) => {
        const isEmptyPair = (open, close) => token === open && parts[index + 1] === close;
        if (token === "{" || token === "[") {
            depth++;
            const empty = isEmptyPair("{", "}") || isEmptyPair("[", "]");
            out += token + (empty ? "" : lineBreak());
        } else if (token === "}" || token === "]") {
            depth--;
            const empty = parts[index - 1] === (token === "}" ? "{" : "[");
            out += (empty ? "" : lineBreak()) + token;
        } else if (token === ",") {
            out += token + lineBreak();
        } else {
            out += token === ":" ? ": " : token;
        }
    });
    return out;
}

function isJson(text) {
    try {
        JSON.parse(text);
        return true;
    } catch {
        return false;
    }
}
