using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Turns;
using Microsoft.AspNetCore.Http;

namespace Evergrain.Frontend.Http;

/// <summary>What an orchestrator asks: whether the process lives, and whether it takes work.</summary>
internal sealed class HealthEndpoints(ServerDrain drain)
{
    private static readonly byte[] Fine = """{"status":"ok"}"""u8.ToArray();

    public Task LiveAsync(HttpContext context) => context.WriteJsonAsync(Fine);

    public Task ReadyAsync(HttpContext context) => drain.IsDraining
        ? context.WriteRefusalAsync(new Refusal(RefusalKind.Unavailable, "The server is stopping."))
        : context.WriteJsonAsync(Fine);
}
