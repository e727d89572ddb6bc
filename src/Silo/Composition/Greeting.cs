using Evergrain.Conversations.Ports;
using Evergrain.Frontend;
using Evergrain.Frontend.Admission;
using Evergrain.Frontend.Listening;
using Evergrain.Providers.Servers;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Evergrain.Silo.Composition;

/// <summary>What a server says on stdout once it is ready: what is served where, and how to try it.</summary>
internal static class Greeting
{
    /// <summary>Writes it.</summary>
    /// <param name="app">The server, started.</param>
    /// <param name="journal">Where its journal is, for people.</param>
    public static async Task WriteAsync(WebApplication app, string journal)
    {
        var address = app.Urls.First();
        var models = new ModelCatalog([.. app.Services.GetServices<IModelBackend>()]).Names.ToList();
        var options = app.Services.GetRequiredService<IOptions<EvergrainOptions>>().Value;
        var key = options.HasKeys ? "-H 'Authorization: Bearer KEY' " : "";
        var create = $$"""{"type":"response.create","model":"{{models.FirstOrDefault("MODEL")}}","input":"Hello"}""";
        var servers = app.Services.GetServices<IModelBackend>().OfType<ModelServerBackend>()
            .Select(static server => server.SpokenTo).OfType<string>();
        await Console.Out.WriteLineAsync(
            ModelComposition.Greeting(models, address, string.Join("; ", [journal, .. servers])));
        if (options.OperationsPort is not null)
        {
            await Console.Out.WriteLineAsync($"Health and metrics apart: {app.Urls.ElementAt(1)}/metrics");
        }

        if (options.Pages == EvergrainOptions.PagesOn ||
            (options.Pages == EvergrainOptions.PagesLocal && new Uri(address).IsLoopback))
        {
            await Console.Out.WriteLineAsync($"Playground, for a browser: {address}/");
        }

        var socket = $"{address.Replace("http", "ws", StringComparison.Ordinal)}/v1/responses";
        await Console.Out.WriteLineAsync($"Try: npx -y wscat {key}-c {socket} -w 1 -x '{create}'");
        if (app.Services.GetRequiredService<FileBounds>().Notice is { } notice)
        {
            await Console.Out.WriteLineAsync(notice);
        }

        await WriteMemoryAsync(app);
    }

    /// <summary>Says how much memory the process takes.</summary>
    public static Task WriteMemoryAsync(WebApplication app) => Console.Out.WriteLineAsync(
        app.Services.GetRequiredService<AdmissionSettings>().Current.Memory.Notice);
}
