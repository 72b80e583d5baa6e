from . import bench_message
