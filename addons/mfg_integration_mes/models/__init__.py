from . import (
    mfg_codec_b2mml,
    mfg_connector,
    mfg_downtime,
    mfg_downtime_impact,
    mfg_downtime_moved,
    mfg_downtime_plan,
    mfg_inbox_downtime,
    mfg_inbox_lot,
    mfg_inbox_message,
    mfg_inbox_production_report,
    mfg_inbox_route,
    mfg_mes_progress,
    mfg_mes_words,
    mfg_over_report,  # isort: skip  (extends several of the models above)
    mrp_production,
    mrp_production_booking,
    mrp_production_closing,
    mrp_production_components,
    mrp_workcenter,
    mrp_workcenter_productivity,
    mrp_workorder,
    product_product,
    product_template,
    res_company,
    res_config_settings,
    stock_picking_type,
    stock_scrap,
)

from . import (  # isort: skip  (extend models above)
    mfg_inbox_production_increment,
    mfg_mes_increment,
)
