"""Files as the three tools write them, with round figures."""

from __future__ import annotations

from collections.abc import Mapping

# codecarbon 2.2.3 to 2.4; 2.5 added experiment_id; 3 added water, utilization and wue.
CODECARBON_2 = (
    "timestamp,project_name,run_id,duration,emissions,emissions_rate,cpu_power,gpu_power,"
    "ram_power,cpu_energy,gpu_energy,ram_energy,energy_consumed,country_name,country_iso_code,"
    "region,cloud_provider,cloud_region,os,python_version,codecarbon_version,cpu_count,cpu_model,"
    "gpu_count,gpu_model,longitude,latitude,ram_total_size,tracking_mode,on_cloud,pue"
)
CODECARBON_3 = (
    "timestamp,project_name,run_id,experiment_id,duration,emissions,emissions_rate,cpu_power,"
    "gpu_power,ram_power,cpu_energy,gpu_energy,ram_energy,energy_consumed,water_consumed,"
    "country_name,country_iso_code,region,cloud_provider,cloud_region,os,python_version,"
    "codecarbon_version,cpu_count,cpu_model,gpu_count,gpu_model,longitude,latitude,"
    "ram_total_size,tracking_mode,cpu_utilization_percent,gpu_utilization_percent,"
    "ram_utilization_percent,ram_used_gb,on_cloud,pue,wue"
)
RUN = {
    "timestamp": "2024-05-27T11:31:35",
    "project_name": "codecarbon",
    "run_id": "979336a5",
    "duration": "1000.0",
    "emissions": "0.05",
    "cpu_energy": "0.02",
    "gpu_energy": "0.10",
    "ram_energy": "0.005",
    "energy_consumed": "0.125",
    "country_name": "Singapore",
    "codecarbon_version": "2.4.2",
    "cpu_count": "12",
    "cpu_model": "Intel(R) Xeon(R) CPU @ 2.20GHz",
    "gpu_count": "1",
    "gpu_model": "1 x NVIDIA GeForce RTX 3090",
    "tracking_mode": "machine",
    "on_cloud": "N",
    "pue": "1.0",
}


def emissions(*rows: Mapping[str, str], header: str = CODECARBON_2) -> str:
    """An emissions.csv of rows that differ from `RUN` in what is given."""
    names = header.split(",")
    lines = (",".join((RUN | row).get(name, "") for name in names) for row in rows)
    return "\n".join([header, *lines]) + "\n"


# As carbontracker 2.4.7 writes it.
STANDARD_2 = """\
2026-11-21 17:10:29 - carbontracker version 2.4.7
2026-11-21 17:10:29 - Only predicted and actual consumptions are multiplied by a PUE coefficient \
of 1.58 (Daniel Bizo, 2023, Uptime Institute Global Data Center Survey).
2026-11-21 17:10:29 - The following components were found: GPU with device(s) NVIDIA GeForce RTX \
3090. CPU with device(s) cpu:0.
2026-11-21 17:10:29 - Monitoring thread started.
2026-11-21 17:11:32 - Epoch 1:
2026-11-21 17:11:32 - Duration: 0:01:00.50
2026-11-21 17:11:32 - Average power usage (W) for gpu: 300.0
2026-11-21 17:11:32 - Average power usage (W) for cpu: 50.0
2026-11-21 17:12:34 - Epoch 2:
2026-11-21 17:12:34 - Duration: 0:00:59.50
2026-11-21 17:12:34 - Average power usage (W) for gpu: 320.0
2026-11-21 17:12:34 - Average power usage (W) for cpu: 60.0
2026-11-21 17:12:34 - Carbon intensities (gCO2eq/kWh) fetched every 900 s at detected location: \
Unknown: [445.0]
2026-11-21 17:12:34 - Average carbon intensity during training was 445.00 gCO2eq/kWh.
2026-11-21 17:12:34 - Monitoring thread ended.
"""
OUTPUT_2 = """\
2026-11-21 17:10:29 - CarbonTracker: The following components were found: GPU with device(s) \
NVIDIA GeForce RTX 3090. CPU with device(s) cpu:0.
2026-11-21 17:11:32 - CarbonTracker:
Predicted consumption for 10 epoch(s):
\tTime:\t0:10:05
\tEnergy:\t0.092927000000 kWh
\tCO2eq:\t41.352515000000 g
\tThis is equivalent to:
\t0.384674000000 km travelled by car
2026-11-21 17:12:34 - CarbonTracker: Average carbon intensity during training was 445.00 \
gCO2eq/kWh.
2026-11-21 17:12:34 - CarbonTracker:
Actual consumption for 2 epoch(s):
\tTime:\t0:02:00
\tEnergy:\t0.015800000000 kWh
\tCO2eq:\t7.031000000000 g
\tThis is equivalent to:
\t0.065404000000 km travelled by car
2026-11-21 17:12:34 - CarbonTracker: Finished monitoring.
"""
# As carbontracker 1.1.6 writes it: an array with a figure a device.
STANDARD_1 = """\
2022-03-01 10:00:00 - carbontracker version 1.1.6
2022-03-01 10:00:00 - Only predicted and actual consumptions are multiplied by a PUE coefficient \
of 1.59 (Rhonda Ascierto, 2019, Uptime Institute Global Data Center Survey).
2022-03-01 10:00:00 - The following components were found: GPU with device(s) Tesla \
V100-SXM2-32GB, Tesla V100-SXM2-32GB. CPU with device(s) cpu:0, cpu:1.
2022-03-01 10:00:00 - Monitoring thread started.
2022-03-01 11:00:00 - Epoch 1:
2022-03-01 11:00:00 - Duration: 1:00:00.00
2022-03-01 11:00:00 - Average power usage (W) for gpu: [250.  150.5]
2022-03-01 11:00:00 - Average power usage (W) for cpu: [60. 39.5]
2022-03-01 11:00:00 - Monitoring thread ended.
"""

WINDOWS = """\
start_time,window_name,elapsed_time,gpu0_energy,gpu1_energy
1700000000.5,epoch,100.25,30000.5,29000.5
1700000101.0,epoch,99.75,30000.0,29000.0
1700000000.0,entire_training,210.0,62000.0,60000.0
"""
TRACE = """\
1700000000.0,100.0,200.0
1700000001.0,300.0,200.0
1700000003.0,100.0,100.0
"""
OLD_TRACE = """\
Time,Power
2022-07-13 23:59:59.500000000,100000
2022-07-14 00:00:01.500000123,300000
2022-07-14 00:00:02.500000000,300000
2022-07-14 00:0"""
