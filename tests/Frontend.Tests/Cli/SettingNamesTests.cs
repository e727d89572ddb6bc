using System.Text;
using Evergrain.Silo.Composition;
using Microsoft.Extensions.Configuration;

namespace Evergrain.Frontend.Tests.Cli;

/// <summary>Names of settings that are misspelled.</summary>
public sealed class SettingNamesTests
{
    [Theory]
    [InlineData("""{"AllowedOrigin":["*"]}""", "Evergrain: there is no setting 'AllowedOrigin'.")]
    [InlineData("""{"FrameBytesMaxx":1}""", "Evergrain: there is no setting 'FrameBytesMaxx'.")]
    [InlineData("""{"Cluster":{"SiloPortt":1}}""", "Evergrain:Cluster: there is no setting 'SiloPortt'.")]
    [InlineData("""{"Postgres":{"Url":"x"}}""", "Evergrain:Postgres: there is no setting 'Url'.")]
    [InlineData("""{"InputCheck":{"Uri":"x"}}""", "Evergrain:InputCheck: there is no setting 'Uri'.")]
    [InlineData("""{"InputCheck":{"Rules":[{"Patern":"x"}]}}""",
        "Evergrain:InputCheck:Rules:0: there is no setting 'Patern'.")]
    public void Name_ThatNoSettingHas_IsTold(string settings, string expected) =>
        Assert.Equal([expected], SettingNames.FindUnknown(Configuration(settings)));

    [Theory]
    [InlineData("MetricsFromAnywhere")]
    [InlineData("metricsFromAnywhere")]
    public void Name_ThatIsGone_IsToldWithWhatToSetInstead(string name)
    {
        var mistake = Assert.Single(SettingNames.FindUnknown(Configuration($$"""{"{{name}}":true}""")));

        Assert.Contains("is gone", mistake, StringComparison.Ordinal);
        Assert.Contains("OperatorKeys", mistake, StringComparison.Ordinal);
        Assert.Contains("OperationsPort", mistake, StringComparison.Ordinal);
    }

    [Fact]
    public void Names_OfEverySection_AreKnown() => Assert.Empty(SettingNames.FindUnknown(Configuration("""
        {"allowedOrigins":["http://a"],"Port":1,"WarmBytesMax":1,"Role":"silo","Data":"d","Journal":"sqlite",
         "JournalUrl":"u","JournalFormat":1,"Models":["m"],"ModelUrl":"u","ModelApi":"chat","ModelKey":"k",
         "ModelServer":{"Anything":1},"ModelServers":[{"Anything":1}],"Admission":{"Anything":1},
         "Tenants":{"a":{"Anything":1}},"Postgres":{"Schema":"s"},"Cluster":{"Id":"i","CallTimeout":"00:00:01"},
         "InputCheck":{"Url":"u","Rules":[{"Name":"n","Types":["message"]}]}}
        """)));

    [Theory]
    [InlineData("""{"Port":1}""", true)]
    [InlineData("""{"Port":1,"Logging":{"LogLevel":{"Default":"Error"}}}""", true)]
    [InlineData("""{"Logging":{"LogLevel":{"Default":"Error"}}}""", false)]
    [InlineData("""{"Evergrain":{}}""", false)]
    [InlineData("{}", false)]
    public void File_WithSettingsOutsideTheSection_IsRefused(string settings, bool isRefused)
    {
        var file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, settings);
            var error = Record.Exception(() => ServerBuilder.Create(new CommandLineSettings
            {
                Scalars = new Dictionary<string, string?>(), SettingsFile = file, Models = [], ApiKeys = [],
            }));

            Assert.Equal(isRefused ? $"{file} has no section Evergrain" : null,
                (error as InvalidDataException)?.Message.Split(';')[0]);
            Assert.Equal(isRefused, error is not null);
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static IConfiguration Configuration(string settings) => new ConfigurationBuilder()
        .AddJsonStream(new MemoryStream(Encoding.UTF8.GetBytes($$$"""{"Evergrain":{{{settings}}}}"""))).Build();
}
