using System.Text.Json;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Turns;
using Microsoft.AspNetCore.Http;

namespace Evergrain.Frontend.Http;

/// <summary>What an orchestrator asks: whether the process lives, and whether it takes work.</summary>
internal sealed class HealthEndpoints(
    ServerDrain drain, IEnumerable<IReadiness> conditions, IEnumerable<IHealthRemark> remarks)
{
    private static readonly byte[] Fine = """{"status":"ok"}"""u8.ToArray();
    private readonly IReadiness[] _conditions = [.. conditions];
    private readonly IHealthRemark[] _remarks = [.. remarks];

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
        if (drain.IsStopping)
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
