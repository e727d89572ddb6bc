using Evergrain.Frontend;
using Evergrain.Frontend.Settings;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;

namespace Evergrain.Silo.Composition;

/// <summary>
/// The beginning of every program with a server: where its settings come from, and where its logs go.
/// </summary>
internal static class ServerBuilder
{
    private const string SettingsFile = "evergrain.json";
    private const string Logging = "Logging";
    private const string ModelKey = $"{EvergrainOptions.Section}:ModelKey";

    /// <summary>A builder with the settings of the file, the environment and the command line; the last wins.</summary>
    /// <exception cref="InvalidDataException">The file holds what it must not.</exception>
    public static WebApplicationBuilder Create(CommandLineSettings settings)
    {
        // Not the slim builder: it watches every file below the working directory, and so each write to the journal.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore();
        builder.Services.AddRoutingCore();
        AddSettingsFile(builder.Configuration, settings.SettingsFile);
        builder.Configuration
            .AddEnvironmentVariables()
            .AddInMemoryCollection(OfNobody())
            .AddInMemoryCollection(settings.Scalars
                .Where(static setting => setting.Value is not null)
                .Select(static setting =>
                    KeyValuePair.Create($"{EvergrainOptions.Section}:{setting.Key}", setting.Value)));
        builder.Services.AddSettingsRule(_ => SettingNames.FindUnknown(builder.Configuration));
        builder.Services.AddSettingsRule(_ => SettingTimes.FindMistakes(builder.Configuration));
        builder.Logging.ClearProviders()
            .SetMinimumLevel(LogLevel.Warning)
            .AddConfiguration(builder.Configuration.GetSection(Logging))

            // A failed start is one sentence of ours, not a stack trace.
            .AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.Critical)
            .AddConsole(static console => console.FormatterName = LogLines.FormatterName)
            .AddConsoleFormatter<LogLines, ConsoleFormatterOptions>();
        builder.Services.Configure<ConsoleLoggerOptions>(
            static console => console.LogToStandardErrorThreshold = LogLevel.Trace);
        return builder;
    }

    /// <summary>Keys of the command line replace those of the environment and the file.</summary>
    public static IServiceCollection UseApiKeys(this IServiceCollection services, IReadOnlyList<string> given) =>
        given.Count == 0 ? services : services.PostConfigure<EvergrainOptions>(options =>
        {
            options.ApiKeys.Clear();
            foreach (var key in given)
            {
                options.ApiKeys.Add(key);
            }
        });

    // A variable that is called as the section is holds no setting: somebody else's scripts have a use for it.
    private static IEnumerable<KeyValuePair<string, string?>> OfNobody() => Environment.GetEnvironmentVariables().Keys
        .Cast<string>().Where(static name => name.Equals(EvergrainOptions.Section, StringComparison.OrdinalIgnoreCase))
        .Take(1).Select(static _ => KeyValuePair.Create(EvergrainOptions.Section, (string?)null));

    private static void AddSettingsFile(ConfigurationManager configuration, string? given)
    {
        var file = Path.GetFullPath(given ?? SettingsFile);
        if (given is not null && !File.Exists(file))
        {
            throw new FileNotFoundException($"--config: there is no file {file}.");
        }

        configuration.AddJsonFile(file, optional: true, reloadOnChange: false);
        var alone = new ConfigurationBuilder().AddJsonFile(file, optional: true).Build();
        var names = alone.GetChildren().Select(static section => section.Key)
            .Where(static name => !name.Equals(Logging, StringComparison.OrdinalIgnoreCase)).ToList();
        if (names.Count > 0 && !names.Contains(EvergrainOptions.Section, StringComparer.OrdinalIgnoreCase))
        {
            throw new InvalidDataException(
                $"{file} has no section Evergrain; write {{\"Evergrain\": {{…}}}} around its settings.");
        }

        if (configuration[ModelKey] is not null)
        {
            throw new InvalidDataException(
                $"{file}: ModelKey does not belong in a file; set Evergrain__ModelKey in the environment.");
        }
    }
}
