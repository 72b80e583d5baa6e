import { registry } from "@web/core/registry";

const tours = registry.category("web_tour.tours");
const state = (label) => ({
    content: `the state is ${label}`,
    trigger: `.o_statusbar_status .o_arrow_button_current:contains(${label})`,
});

// The partner's address comes from the test: ?partner=http://127.0.0.1:…
tours.add("mfg_connector_create", {
    steps: () => [
        {
            content: "create a connector",
            trigger: ".o-kanban-button-new",
            run: "click",
        },
        {
            trigger: ".o_field_widget[name=name] input",
            run: "edit Press line",
        },
        {
            trigger: ".o_field_widget[name=code] input",
            run: "edit press-line",
        },
        {
            content: "where to send",
            trigger: ".o_field_widget[name=url] input",
            run: `edit ${new URLSearchParams(window.location.search).get("partner")}`,
        },
        {
            content: "plain HTTP, as in a plant network",
            trigger: ".o_field_widget[name=allow_http] input",
            run: "check",
        },
        {
            trigger: ".o_field_widget[name=allow_list] textarea",
            run: "edit 127.0.0.1/32",
        },
        {
            content: "give it a credential",
            trigger: ".o_notebook .nav-link:contains(Credentials)",
            run: "click",
        },
        {
            trigger: ".o_field_widget[name=credential_ids] .o_field_x2many_list_row_add a",
            run: "click",
        },
        {
            trigger: ".modal .o_field_widget[name=name] input",
            run: "edit Signing secret of the press line",
        },
        {
            trigger: ".modal .o_form_button_save",
            run: "click",
        },
        {
            trigger: "body:not(:has(.modal)) .o_form_button_save",
            run: "click",
        },
        {
            content: "generate its secret",
            trigger: ".o_field_widget[name=credential_ids] button[name=action_generate]",
            run: "click",
        },
        {
            content: "which is shown once",
            trigger: ".o_notification:contains(whsec_)",
        },
        {
            content: "and is set from now on",
            trigger:
                ".o_field_widget[name=credential_ids] .o_data_row:not(:has(button[name=action_generate]))",
        },
        {
            trigger: "button[name=action_activate]",
            run: "click",
        },
        state("Active"),
        {
            content: "send a test event",
            trigger: "button[name=action_send_test_event]",
            run: "click",
        },
        {
            content: "its message is shown",
            trigger: ".o_field_widget[name=event_type]:contains(mfg.integration.connector.tested.v1)",
        },
        state("Pending"),
    ],
});

tours.add("mfg_delivery_seen", {
    steps: () => [
        {
            content: "open the connector",
            trigger: ".o_kanban_record:contains(Press line):contains(Delivered)",
            run: "click",
        },
        {
            content: "open its outbox",
            trigger: ".o_stat_text:contains(To send)",
            run: "click",
        },
        {
            content: "the message has been delivered",
            trigger: ".o_data_row:contains(Done) td[name=event_type]",
            run: "click",
        },
        state("Done"),
        {
            content: "its data is readable",
            trigger: ".o_field_widget[name=event_data] .ace_line:contains(press-line)",
        },
        {
            trigger: ".o_notebook .nav-link:contains(Attempts)",
            run: "click",
        },
        {
            content: "the partner answered 200",
            trigger:
                ".o_field_widget[name=attempt_ids] .o_data_row:contains(Delivered) td[name=http_status]:contains(200)",
        },
        {
            content: "open the event",
            trigger: "button[name=action_open_event]",
            run: "click",
        },
        {
            content: "which is about the connector",
            trigger: "button[name=action_open_record]:contains(Press line)",
        },
    ],
});

tours.add("mfg_dead_message_retried", {
    steps: () => [
        {
            content: "open the error queue",
            trigger: "[data-menu-xmlid='mfg_integration_base.menu_mfg_message_dead']",
            run: "click",
        },
        {
            content: "the message is there, with the reason",
            trigger: ".o_data_row:contains(Press line):contains(Rejected by the partner) td[name=detail]",
            run: "click",
        },
        state("Dead"),
        {
            content: "it says what to do",
            trigger: ".alert-danger:contains(Read the partner's answer)",
        },
        {
            trigger: "button[name=action_retry]",
            run: "click",
        },
        state("Pending"),
        {
            content: "back to the error queue",
            trigger: ".o_breadcrumb .o_back_button, .breadcrumb-item a",
            run: "click",
        },
        {
            content: "nothing waits for a person any more",
            trigger: ".o_view_nocontent:contains(Nothing waits for you)",
        },
    ],
});
