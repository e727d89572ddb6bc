using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Turns;
using Microsoft.AspNetCore.Http;

namespace Evergrain.Frontend.Http;

/// <summary>What an orchestrator asks: whether the process lives, and whether it takes work.</summary>
internal sealed class HealthEndpoints(ServerDrain drain, IEnumerable<IReadiness> conditions)
{
    private static readonly byte[] Fine = """{"status":"ok"}"""u8.ToArray();
    private readonly IReadiness[] _conditions = [.. conditions];

    public Task LiveAsync(HttpContext context) => context.WriteJsonAsync(Fine);

    public Task ReadyAsync(HttpContext context) => Obstacle() is { } obstacle
        ? context.WriteRefusalAsync(new Refusal(RefusalKind.Unavailable, obstacle))
        : context.WriteJsonAsync(Fine);

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
