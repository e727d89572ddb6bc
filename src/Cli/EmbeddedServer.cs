using System.ComponentModel.DataAnnotations;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend;
using Evergrain.Frontend.Embedded;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;
using Microsoft.Extensions.Options;

namespace Evergrain.Cli;

/// <summary>One process that needs no other: conversations in memory, their journal in a
/// SQLite file, or in a database that several such processes share.</summary>
internal static class EmbeddedServer
{
    private const string SettingsFile = "evergrain.json";
    private const string ModelKey = $"{EvergrainOptions.Section}:ModelKey";

    /// <summary>Serves until the process is told to stop. A wrong setting is one sentence on stderr.</summary>
    /// <returns>The exit code: 0, or 1 if it could not start.</returns>
    public static async Task<int> RunAsync(CommandLineSettings settings, CancellationToken cancellationToken)
    {
        try
        {
            var builder = CreateBuilder(settings);
            var composition = JournalComposition.Read(builder.Configuration);
            await using var journal = await composition.OpenAsync(cancellationToken);
            await using var app = Compose(builder, settings, journal);
            await app.StartAsync(cancellationToken);
            await GreetAsync(app, composition.Place(journal));
            await app.WaitForShutdownAsync(cancellationToken);
            return 0;
        }
        catch (Exception e) when (e is OptionsValidationException or ValidationException or JournalUnavailableException
            or IOException or InvalidOperationException or UnauthorizedAccessException or FormatException
            or InvalidDataException)
        {
            await Console.Error.WriteLineAsync($"evergrain: {e.Message}{Cause(e)}");
            return 1;
        }
    }

    private static WebApplicationBuilder CreateBuilder(CommandLineSettings settings)
    {
        // Not the slim builder: it watches every file below the working directory, and so each write to the journal.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore();
        builder.Services.AddRoutingCore();
        AddSettingsFile(builder.Configuration, settings.SettingsFile);
        builder.Configuration
            .AddEnvironmentVariables()
            .AddInMemoryCollection(settings.Scalars
                .Where(static setting => setting.Value is not null)
                .Select(static setting =>
                    KeyValuePair.Create($"{EvergrainOptions.Section}:{setting.Key}", setting.Value)));
        builder.Logging.ClearProviders()
            .SetMinimumLevel(LogLevel.Warning)

            // A failed start is one sentence of ours, not a stack trace.
            .AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.Critical)
            .AddSimpleConsole(static console =>
            {
                console.SingleLine = true;
                console.ColorBehavior = LoggerColorBehavior.Disabled;
            });
        builder.Services.Configure<ConsoleLoggerOptions>(
            static console => console.LogToStandardErrorThreshold = LogLevel.Trace);
        return builder;
    }

    private static WebApplication Compose(WebApplicationBuilder builder, CommandLineSettings settings, IJournal journal)
    {
        var section = builder.Configuration.GetSection(EvergrainOptions.Section);
        var embedded = section.Get<EmbeddedOptions>() ?? new EmbeddedOptions();
        Validator.ValidateObject(embedded, new ValidationContext(embedded), validateAllProperties: true);
        builder.Services.AddEvergrainFrontend(builder.Configuration);
        builder.Services.AddSingleton(journal);
        builder.Services.AddModels(builder.Configuration, settings.Models);
        builder.Services.AddEmbeddedConversations(embedded);
        if (settings.ApiKeys.Count > 0)
        {
            builder.Services.PostConfigure<EvergrainOptions>(options => Replace(options.ApiKeys, settings.ApiKeys));
        }

        return builder.Build().MapEvergrain();
    }

    private static void AddSettingsFile(ConfigurationManager configuration, string? given)
    {
        var file = Path.GetFullPath(given ?? SettingsFile);
        if (given is not null && !File.Exists(file))
        {
            throw new FileNotFoundException($"--config: there is no file {file}.");
        }

        configuration.AddJsonFile(file, optional: true, reloadOnChange: false);
        if (configuration[ModelKey] is not null)
        {
            throw new InvalidDataException(
                $"{file}: ModelKey does not belong in a file; set Evergrain__ModelKey in the environment.");
        }
    }

    // A file that is no JSON: the outer message names the file, the inner one the line.
    private static string Cause(Exception e) => e is InvalidDataException { InnerException: { } inner }
        ? $" {inner.InnerException?.Message ?? inner.Message}"
        : "";

    private static void Replace(IList<string> list, IReadOnlyList<string> values)
    {
        list.Clear();
        foreach (var value in values)
        {
            list.Add(value);
        }
    }

    private static async Task GreetAsync(WebApplication app, string journal)
    {
        var address = app.Urls.First();
        var models = new ModelCatalog([.. app.Services.GetServices<IModelBackend>()]).Names.ToList();
        var options = app.Services.GetRequiredService<IOptions<EvergrainOptions>>().Value;
        var key = options.ApiKeys.Count > 0 || options.ApiKeysFile is not null ? "-H 'Authorization: Bearer KEY' " : "";
        var create = $$"""{"type":"response.create","model":"{{models.FirstOrDefault("MODEL")}}","input":"Hello"}""";
        await Console.Out.WriteLineAsync(ModelComposition.Greeting(models, address, journal));
        var socket = $"{address.Replace("http", "ws", StringComparison.Ordinal)}/v1/responses";
        await Console.Out.WriteLineAsync($"Try: npx -y wscat {key}-c {socket} -w 1 -x '{create}'");
    }
}
