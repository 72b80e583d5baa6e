import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { useRecordObserver } from "@web/model/relational_model/utils";
import { AceField, aceField } from "@web/views/fields/ace/ace_field";
import { formatText } from "@web/views/fields/formatters";

import { indentJson } from "./indent_json";

/** A text field that holds JSON (or any other text) of another system: shown as text, indented. */
export class MfgJsonField extends AceField {
    setup() {
        super.setup();
        useRecordObserver((record) => {
            this.state.initialValue = indentJson(formatText(record.data[this.props.name]));
        });
    }

    get mode() {
        return "javascript";
    }
}

registry.category("fields").add("mfg_json", {
    ...aceField,
    component: MfgJsonField,
    displayName: _t("JSON"),
    supportedOptions: [],
    supportedTypes: ["text", "char"],
    extractProps: () => ({}),
});
