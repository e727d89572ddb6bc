using System.Net;
using k8s.Models;

namespace Evergrain.Cluster.Tests.Kubernetes.Pods;

/// <summary>The kubelet's probes of one container: it asks as often and as long as the manifest says.</summary>
internal sealed class PodProbes(PodPlan plan, HttpClient http)
{
    /// <summary>Waits until the container has started; false if it did not within the probe's tries.</summary>
    public async Task<bool> StartedAsync(CancellationToken cancellationToken)
    {
        var probe = plan.Container.StartupProbe;
        for (var failures = 0; failures < probe.FailureThreshold; failures++)
        {
            if (await AskAsync(probe, cancellationToken))
            {
                return true;
            }

            await PeriodAsync(probe, cancellationToken);
        }

        return false;
    }

    /// <summary>Asks until told otherwise, and reports each time what the thresholds make of the answers.</summary>
    public async Task RepeatAsync(V1Probe probe, bool isWell, Action<bool> report, CancellationToken cancellationToken)
    {
        for (var failures = 0; ;)
        {
            failures = await AskAsync(probe, cancellationToken) ? 0 : failures + 1;
            isWell = failures == 0 || (isWell && failures < probe.FailureThreshold);
            report(isWell);
            await PeriodAsync(probe, cancellationToken);
        }
    }

    private async Task<bool> AskAsync(V1Probe probe, CancellationToken cancellationToken)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(TimeSpan.FromSeconds(probe.TimeoutSeconds!.Value));
        var port = plan.PortOf(probe.HttpGet.Port);
        try
        {
            using var answer = await http.GetAsync(
                new Uri($"http://{plan.Address}:{port}{probe.HttpGet.Path}"), patience.Token);
            return answer.StatusCode is >= HttpStatusCode.OK and < HttpStatusCode.BadRequest;
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
        {
            cancellationToken.ThrowIfCancellationRequested();
            return false;
        }
    }

    private static Task PeriodAsync(V1Probe probe, CancellationToken cancellationToken) =>
        Task.Delay(TimeSpan.FromSeconds(probe.PeriodSeconds!.Value), TimeProvider.System, cancellationToken);
}
