import { Component, onWillStart, onWillUpdateProps } from "@odoo/owl";

import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { KanbanController } from "@web/views/kanban/kanban_controller";
import { kanbanView } from "@web/views/kanban/kanban_view";
import { ListController } from "@web/views/list/list_controller";
import { listView } from "@web/views/list/list_view";

/**
 * Says above a list when this database is a copy of the one its connectors were activated for.
 *
 * Reads with the user's own rights: people see the connectors of their companies only.
 */
export class MfgActivationBanner extends Component {
    static template = "mfg_integration_base.ActivationBanner";
    static props = {};

    setup() {
        this.orm = useService("orm");
        this.connectors = [];
        onWillStart(() => this.load());
        onWillUpdateProps(() => this.load());
    }

    async load() {
        const connectors = await this.orm.searchRead(
            "mfg.connector",
            [["state", "in", ["active", "paused"]]],
            ["display_name", "activated_here"]
        );
        this.connectors = connectors.filter((connector) => !connector.activated_here);
    }

    get names() {
        return this.connectors.map((connector) => connector.display_name).join(", ");
    }
}

export class MfgListController extends ListController {
    static template = "mfg_integration_base.ListView";
    static components = { ...ListController.components, MfgActivationBanner };
}

export class MfgKanbanController extends KanbanController {
    static template = "mfg_integration_base.KanbanView";
    static components = { ...KanbanController.components, MfgActivationBanner };
}

registry.category("views").add("mfg_list", { ...listView, Controller: MfgListController });
registry.category("views").add("mfg_kanban", { ...kanbanView, Controller: MfgKanbanController });
