"""dask-jobqueue: two workers as jobs, a computation on them."""

from dask_jobqueue import SGECluster
from distributed import Client

if __name__ == "__main__":
    size = {"cores": 1, "processes": 1, "memory": "1GiB", "walltime": "00:10:00"}
    with (
        SGECluster(queue="task", resource_spec="h_rt=600", interface="lo", **size) as cluster,
        Client(cluster) as client,
    ):
        cluster.scale(jobs=2)
        client.wait_for_workers(2, timeout=60)
        assert client.gather(client.map(lambda n: n * n, range(5))) == [0, 1, 4, 9, 16]
