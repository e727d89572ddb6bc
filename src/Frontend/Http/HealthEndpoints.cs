using System.Diagnostics.Metrics;
using System.Text.Json;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Telemetry;
using Evergrain.Frontend.Turns;
using Microsoft.AspNetCore.Http;

namespace Evergrain.Frontend.Http;

/// <summary>What an orchestrator asks: whether the process lives, and whether it takes work.</summary>
internal sealed class HealthEndpoints
{
    private static readonly byte[] Fine = """{"status":"ok"}"""u8.ToArray();
    private readonly ServerDrain _drain;
    private readonly IReadiness[] _conditions;
    private readonly IHealthRemark[] _remarks;

    public HealthEndpoints(ServerDrain drain, IEnumerable<IReadiness> conditions,
        IEnumerable<IHealthRemark> remarks, IMeterFactory meters)
    {
        (_drain, _conditions, _remarks) = (drain, [.. conditions], [.. remarks]);
        var meter = meters.Create(FrontendInstruments.MeterName);
        meter.CreateObservableGauge("evergrain.server.ready", () => Obstacle() is null ? 1 : 0, null,
            "1 while the process takes work, as /health/ready says, and 0 otherwise.");
        meter.CreateObservableGauge("evergrain.server.draining", () => _drain.IsDraining ? 1 : 0, null,
            "1 while the process ends what runs and takes no new work, and 0 otherwise.");
    }

    public Task LiveAsync(HttpContext context) => context.WriteJsonAsync(Fine);

    public Task ReadyAsync(HttpContext context) => Obstacle() is { } obstacle
        ? context.WriteRefusalAsync(new Refusal(RefusalKind.Unavailable, obstacle))
        : context.WriteJsonAsync(FineWithRemarks());

    private byte[] FineWithRemarks()
    {
        string[] said = [.. _remarks.Select(static each => each.Remark).OfType<string>()];
        if (said.Length == 0)
        {
            return Fine;
        }

        using var json = new MemoryStream();
        using (var writer = new Utf8JsonWriter(json))
        {
            writer.WriteStartObject();
            writer.WriteString("status"u8, "ok"u8);
            writer.WriteStartArray("remarks"u8);
            Array.ForEach(said, writer.WriteStringValue);
            writer.WriteEndArray();
            writer.WriteEndObject();
        }

        return json.ToArray();
    }

    private string? Obstacle()
    {
        if (_drain.IsStopping)
        {
            return "The server is stopping.";
        }

        foreach (var condition in _conditions)
        {
            if (condition.Obstacle is { } obstacle)
            {
                return obstacle;
            }
        }

        return null;
    }
}
