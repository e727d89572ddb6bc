using System.ComponentModel.DataAnnotations;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend;
using Evergrain.Frontend.InProcess;
using Evergrain.Frontend.Hosting;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Evergrain.Cli;

/// <summary>One process that needs no other: conversations in memory, their journal in a
/// SQLite file, or in a database that several such processes share.</summary>
internal static class EmbeddedServer
{
    /// <summary>Serves until the process is told to stop. A wrong setting is one sentence on stderr.</summary>
    /// <returns>The exit code: 0, or 1 if it could not start.</returns>
    public static Task<int> RunAsync(CommandLineSettings settings, CancellationToken cancellationToken) =>
        StartFailure.ReportAsync(async () =>
        {
            var builder = ServerBuilder.Create(settings);
            var composition = JournalComposition.Read(builder.Configuration);
            await using var journal = await composition.OpenAsync(cancellationToken);
            await using var app = Compose(builder, settings, journal);
            await app.StartAsync(cancellationToken);
            await Greeting.WriteAsync(app, composition.Place(journal));
            await app.WaitForShutdownAsync(cancellationToken);
        });

    private static WebApplication Compose(WebApplicationBuilder builder, CommandLineSettings settings, IJournal journal)
    {
        var section = builder.Configuration.GetSection(EvergrainOptions.Section);
        var embedded = section.Get<InProcessOptions>() ?? new InProcessOptions();
        Validator.ValidateObject(embedded, new ValidationContext(embedded), validateAllProperties: true);
        builder.Services.AddEvergrainFrontend(builder.Configuration);
        builder.Services.AddSingleton(journal);
        builder.Services.AddModels(builder.Configuration, settings.Models);
        builder.Services.AddInProcessConversations(embedded);
        builder.Services.UseApiKeys(settings.ApiKeys);
        return builder.Build().MapEvergrain();
    }
}
