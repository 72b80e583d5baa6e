from . import (
    mfg_codec_edi,
    mfg_trading_agreement,
    mfg_trading_agreement_document,
    mfg_trading_counter,
)
