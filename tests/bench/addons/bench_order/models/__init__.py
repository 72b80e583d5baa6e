from . import bench_order, bench_order_line
